"""Where bars go."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console

from tests.ticker_client.sample_bars import apple_days, bar, walking_day
from ticker_client import BarInterval
from ticker_client.cli.bar_outputs import BarOutput, CsvFile, CsvLines, JsonLines, Picture, TerminalChart
from ticker_client.cli.caption import Caption
from ticker_client.cli.failures import CommandError, ExitCode

DAYS = Caption("AAPL", "Apple Inc.", "USD", BarInterval.ONE_DAY, "UTC")
CSV = """\
stock_id,start_time,open,high,low,close,volume,tick_count
AAPL,2013-02-28T00:00:00Z,444.05,447.87,441.4,441.4,11518400,4
AAPL,2013-03-01T00:00:00Z,438.0,438.1799,429.98,430.47,19730300,4
"""


def put_all(output: BarOutput, count: int = 2) -> None:
    """Put the last days of Apple, to the end."""
    for day in apple_days()[-count:]:
        output.put(day)
    output.end()


def test_csv_is_the_same_in_a_file_and_on_stdout(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A CSV has a header, and prices with their digits; the line ends are those of this system's tools."""
    put_all(CsvFile(tmp_path / "aapl.csv"))
    put_all(CsvLines())

    assert (tmp_path / "aapl.csv").read_bytes() == CSV.encode()
    assert capsys.readouterr().out == CSV


def test_without_bars_a_csv_is_its_header(tmp_path: Path) -> None:
    """A file is written even if there is nothing in it, so that who reads it finds one."""
    CsvFile(tmp_path / "none.csv").end()

    assert (tmp_path / "none.csv").read_text() == CSV.splitlines(keepends=True)[0]


def test_an_old_file_stays_until_all_has_come(tmp_path: Path) -> None:
    """A file is replaced at the end, not before."""
    path = tmp_path / "aapl.csv"
    path.write_text("old")
    output = CsvFile(path)
    output.put(apple_days()[0])
    before = path.read_text()
    output.end()

    assert (before, path.read_text().count("\n")) == ("old", 2)


def test_json_lines_have_exact_text(capsys: pytest.CaptureFixture[str]) -> None:
    """A line has all of a bar: prices as text, never as a power of ten, and the time with its zone's offset."""
    tiny = ["0.0000001", "0.0000003", "0.0000001", "0.0000002"]
    JsonLines().put(bar(walking_day(1)[0].start_time, [*tiny], "1000000", 3))
    put_all(JsonLines(), 1)

    first, second = capsys.readouterr().out.splitlines()
    assert first == (
        '{"stock_id": "AAPL", "interval": "5m", "start_time": "2013-03-01T09:30:00-05:00", "open": "0.0000001", '
        '"high": "0.0000003", "low": "0.0000001", "close": "0.0000002", "volume": "1000000", "tick_count": 4, '
        '"first_sequence": 31, "last_sequence": 34}'
    )
    assert '"interval": "1d", "start_time": "2013-03-01T00:00:00Z", "open": "438.0"' in second


def test_a_file_that_cannot_be_written_is_one_line() -> None:
    """A full disk is told with the option and the file, and is no mistake of the command line."""
    for output in (CsvFile(Path("/dev/full")), Picture(Path("/dev/full"), DAYS)):
        with pytest.raises(CommandError, match="/dev/full cannot be written: No space left on device") as caught:
            put_all(output)

        assert (caught.value.reason, caught.value.exit_code) == ("OUTPUT_FAILED", ExitCode.ANSWERED_ERROR)


def test_a_picture_has_room_for_so_many(tmp_path: Path) -> None:
    """More bars than a picture can show are refused as soon as they come, with what to do."""
    output = Picture(tmp_path / "aapl.png", DAYS)
    one = bar(datetime(2026, 1, 5, tzinfo=UTC), [1, 1, 1, 1])
    for _ in range(5000):
        output.put(one)
    with pytest.raises(CommandError, match="room for 5,000 bars; take a longer --interval"):
        output.put(one)

    assert not (tmp_path / "aapl.png").exists()


def test_a_picture_is_made_at_the_end(tmp_path: Path) -> None:
    """The file is a PNG; without a bar there is none."""
    put_all(Picture(tmp_path / "aapl.png", DAYS))
    Picture(tmp_path / "none.png", DAYS).end()

    assert (tmp_path / "aapl.png").read_bytes().startswith(b"\x89PNG")
    assert not (tmp_path / "none.png").exists()


def test_a_chart_is_as_large_as_its_terminal() -> None:
    """A chart is drawn in the width and height that there are; without a bar nothing is."""
    console = Console(file=io.StringIO(), width=60, height=20)
    TerminalChart(console, DAYS).end()
    put_all(TerminalChart(console, DAYS), 20)
    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().splitlines()

    assert lines[0].rstrip() == "AAPL  Apple Inc."
    assert max(len(line.rstrip()) for line in lines) <= 60
    assert len(lines) < 20
