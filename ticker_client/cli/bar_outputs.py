"""Where the bars of `ticker history` go: lines on stdout, a CSV file, a picture, or a chart in the terminal."""

from __future__ import annotations

import csv
import io
import logging
import sys
from pathlib import Path
from typing import Protocol

from rich.console import Console

from ticker_client.bars import Bar
from ticker_client.cli.bar_chart import chart_lines
from ticker_client.cli.caption import Caption
from ticker_client.cli.failures import CommandError, ExitCode
from ticker_client.cli.output import JsonValue, print_json
from ticker_client.cli.times import zoned_rfc3339

__all__ = ["BarOutput", "CsvFile", "CsvLines", "JsonLines", "Picture", "TerminalChart"]

_COLUMNS = ("stock_id", "start_time", "open", "high", "low", "close", "volume", "tick_count")
_MOST_DRAWN = 5_000  # each is half a pixel wide then


class BarOutput(Protocol):
    """Takes bars one by one, in order."""

    def put(self, bar: Bar) -> None:
        """Take the next bar."""

    def end(self) -> None:
        """Note that this was all."""


class JsonLines:
    """One JSON object for each bar and line of stdout, written as it comes."""

    def put(self, bar: Bar) -> None:
        """Write a bar."""
        print_json(_entry(bar))

    def end(self) -> None:
        """Do nothing: each line was complete."""


class CsvLines:
    """A CSV text on stdout, its header first, each bar written as it comes."""

    def __init__(self) -> None:
        self._writer = csv.writer(sys.stdout, lineterminator="\n")
        self._writer.writerow(_COLUMNS)

    def put(self, bar: Bar) -> None:
        """Write a bar."""
        self._writer.writerow(_row(bar))

    def end(self) -> None:
        """Do nothing: each line was complete."""


class CsvFile:
    """A CSV file with a header. It is written at the end, so that what goes wrong before leaves an old one as it is."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._text = io.StringIO()
        self._writer = csv.writer(self._text, lineterminator="\n")
        self._writer.writerow(_COLUMNS)

    def put(self, bar: Bar) -> None:
        """Take the next bar."""
        self._writer.writerow(_row(bar))

    def end(self) -> None:
        """Write the file. Raises CommandError if it cannot be written."""
        _write("--csv", self._path, self._text.getvalue().encode())


class Picture:
    """A picture of candles, as PNG."""

    def __init__(self, path: Path, caption: Caption) -> None:
        self._path = path
        self._caption = caption
        self._bars: list[Bar] = []

    def put(self, bar: Bar) -> None:
        """Take the next bar. Raises CommandError if these are too many for a picture."""
        if len(self._bars) == _MOST_DRAWN:
            message = f"--plot: a picture has room for {_MOST_DRAWN:,} bars; take a longer --interval or a shorter span"
            raise CommandError("TOO_MANY_BARS", message)
        self._bars.append(bar)

    def end(self) -> None:
        """Draw and write the file, if there is anything to draw. Raises CommandError if it cannot be written."""
        if self._bars:
            # At its first use on a machine matplotlib says that it looks for fonts.
            logging.getLogger("matplotlib").setLevel(logging.ERROR)
            from ticker_client.cli.candle_plot import png_of  # noqa: PLC0415 - matplotlib is large, and an extra

            _write("--plot", self._path, png_of(self._bars, self._caption))


class TerminalChart:
    """A chart in the terminal, as large as that is."""

    def __init__(self, console: Console, caption: Caption) -> None:
        self._console = console
        self._caption = caption
        self._bars: list[Bar] = []

    def put(self, bar: Bar) -> None:
        """Take the next bar."""
        self._bars.append(bar)

    def end(self) -> None:
        """Draw, if there is anything to draw."""
        if self._bars:
            width, height = self._console.size
            for line in chart_lines(self._bars, self._caption, width=width, height=height):
                self._console.print(line)


def _entry(bar: Bar) -> dict[str, JsonValue]:
    """Return a bar as a JSON object: decimals as text, the time on the clock of its zone."""
    return {
        "stock_id": bar.stock_id,
        "interval": bar.interval.value,
        "start_time": zoned_rfc3339(bar.start_time),
        "open": f"{bar.open:f}",
        "high": f"{bar.high:f}",
        "low": f"{bar.low:f}",
        "close": f"{bar.close:f}",
        "volume": f"{bar.volume:f}",
        "tick_count": bar.tick_count,
        "first_sequence": bar.first_sequence,
        "last_sequence": bar.last_sequence,
    }


def _row(bar: Bar) -> list[JsonValue]:
    entry = _entry(bar)
    return [entry[column] for column in _COLUMNS]


def _write(option: str, path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        message = f"{option}: {path} cannot be written: {error.strerror}"
        raise CommandError("OUTPUT_FAILED", message, ExitCode.ANSWERED_ERROR) from None
