"""`ticker history`: the past of a stock as bars, in lines, in a file, or in a picture."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NamedTuple
from zoneinfo import ZoneInfo

import typer
from rich.console import Console

from ticker_client.bars import BarInterval
from ticker_client.cli.bar_outputs import BarOutput, CsvFile, CsvLines, JsonLines, Picture, TerminalChart
from ticker_client.cli.caption import Caption
from ticker_client.cli.failures import CommandError, ExitCode, shown
from ticker_client.cli.session import session_of
from ticker_client.cli.trade_time import parse_trade_time
from ticker_client.client import TickerClient
from ticker_client.extras import require

__all__ = ["history"]

_INTERVALS = "|".join(BarInterval)


def history(
    context: typer.Context,
    stock_id: Annotated[str, typer.Argument(metavar="STOCK_ID", help="The ticker symbol.")],
    interval: Annotated[str, typer.Option(metavar=_INTERVALS, help="The length of a bar.")] = "1d",
    start: Annotated[
        str | None, typer.Option(metavar="T", help="From when on.  [default: the oldest bar]", show_default=False)
    ] = None,
    end: Annotated[
        str | None, typer.Option(metavar="T", help="Until just before that time.  [default: now]", show_default=False)
    ] = None,
    time_zone: Annotated[str, typer.Option(metavar="ZONE", help="Of all times, and of the days.")] = "UTC",
    csv: Annotated[str | None, typer.Option(metavar="FILE|-", help="Write a CSV file; - = to stdout.")] = None,
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE.png", help="Draw candles with their volume; needs the extra history.")
    ] = None,
) -> None:
    """Show the past of a stock as bars: open, high, low, close and volume of each span with a trade.

    On a terminal as a chart; otherwise, or with --json, as one JSON object per bar and line. A time is RFC 3339,
    YYYY-MM-DD or 'YYYY-MM-DD HH:MM:SS' in --time-zone, or a number of seconds, ms, us or ns since the epoch.
    """
    session = session_of(context)
    span = _Span.of(interval, start, end, time_zone)
    as_json = session.options.json
    _check_files(csv, plot, as_json=as_json)
    # Not console.is_terminal, which FORCE_COLOR makes true for a pipe as well.
    as_chart = not (csv or plot or as_json) and sys.stdout.isatty() and not Console().is_dumb_terminal

    async def work(client: TickerClient) -> ExitCode:
        outputs: list[BarOutput] = []
        if as_chart or plot is not None:
            stock = await client.get_stock(stock_id)
            caption = Caption(stock.stock_id, stock.name, stock.currency, span.interval, time_zone)
            outputs.append(TerminalChart(Console(), caption) if plot is None else Picture(plot, caption))
        if csv is not None:
            outputs.append(CsvLines() if csv == "-" else CsvFile(Path(csv)))
        if as_json or not outputs:
            outputs.append(JsonLines())
        count = await _pass_on(client, stock_id, span, outputs)
        if not count:
            _tell_that_there_is_none(stock_id, span.interval, is_asked_to_draw=plot is not None)
        return ExitCode.OK

    session.run(work)


class _Span(NamedTuple):
    """Which bars are asked for; times in nanoseconds since the epoch, None = from the oldest, up to now."""

    interval: BarInterval
    start: int | None
    end: int | None
    time_zone: str

    @classmethod
    def of(cls, interval: str, start: str | None, end: str | None, time_zone: str) -> _Span:
        """Return what the options say. Raises CommandError if they make no sense."""
        if interval not in [*BarInterval]:
            raise CommandError("USAGE", f"--interval: {shown(interval)}: write {', '.join(BarInterval)}")
        try:
            zone = ZoneInfo(time_zone)
        except (KeyError, ValueError, OSError):
            message = f"--time-zone: {shown(time_zone)} is no IANA time zone, such as America/New_York"
            raise CommandError("INVALID_TIME_ZONE", message) from None
        span = cls(BarInterval(interval), _instant("--start", start, zone), _instant("--end", end, zone), time_zone)
        if span.start is not None and span.end is not None and span.end <= span.start:
            raise CommandError("USAGE", "--end: it must be after --start")
        return span


def _instant(option: str, text: str | None, zone: ZoneInfo) -> int | None:
    try:
        return None if text is None else parse_trade_time(text, zone)
    except ValueError as error:
        raise CommandError("USAGE", f"{option}: {text}: {error}") from None


def _check_files(csv: str | None, plot: Path | None, *, as_json: bool) -> None:
    """See before anything is asked what would go wrong at the end. Raises CommandError."""
    if csv == "-" and as_json:
        raise CommandError("USAGE", "--csv - and --json both write to stdout; give one of them")
    if plot is not None and plot.suffix.lower() != ".png":
        raise CommandError("USAGE", f"--plot: {shown(str(plot))}: the picture is a PNG; write FILE.png")
    for option, path in (("--csv", None if csv in {None, "-"} else Path(str(csv))), ("--plot", plot)):
        if path is not None and not path.parent.is_dir():
            raise CommandError("FILE_NOT_FOUND", f"{option}: there is no folder {path.parent}")
        if path is not None and path.is_dir():
            raise CommandError("USAGE", f"{option}: {path} is a folder")
    if plot is not None:
        try:
            require("matplotlib", "--plot")
        except ModuleNotFoundError as error:
            raise CommandError("EXTRA_MISSING", error.msg) from None


async def _pass_on(client: TickerClient, stock_id: str, span: _Span, outputs: Sequence[BarOutput]) -> int:
    """Hand each bar to each output; return how many there were."""
    count = 0
    bars = client.list_bars(
        stock_id, interval=span.interval, start_time=span.start, end_time=span.end, time_zone=span.time_zone
    )
    async for bar in bars:
        for output in outputs:
            output.put(bar)
        count += 1
    for output in outputs:
        output.end()
    return count


def _tell_that_there_is_none(stock_id: str, interval: BarInterval, *, is_asked_to_draw: bool) -> None:
    """Say that no bar was found: an answer as any other, but not to who asked for a picture."""
    message = f"{stock_id} has no {interval} bars in this span"
    if is_asked_to_draw:
        raise CommandError("NO_BARS", f"{message}; no picture was made", ExitCode.ANSWERED_ERROR)
    print(message, file=sys.stderr)
