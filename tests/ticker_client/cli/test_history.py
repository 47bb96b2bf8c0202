"""`ticker history`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.ticker_client.cli.fake_ticker import FakeTicker
from tests.ticker_client.sample_bars import apple_days
from ticker_client.errors import NotBuilt

Run = Callable[..., Any]
MIDNIGHT = 1_362_009_600 * 10**9
"""2013-02-28 in UTC, in nanoseconds."""


@pytest.fixture(autouse=True)
async def _history(ticker: FakeTicker) -> None:
    """Have a stock with two bars."""
    await ticker.create_stock("AAPL", name="Apple Inc.")
    ticker.bars = [*apple_days()[-2:]]


def test_a_pipe_gets_json_lines(run_ticker: Run) -> None:
    """Whoever is no terminal gets one object for each bar."""
    finished = run_ticker("history", "AAPL")

    assert [(entry["start_time"], entry["close"]) for entry in finished.entries] == [
        ("2013-02-28T00:00:00Z", "441.4"),
        ("2013-03-01T00:00:00Z", "430.47"),
    ]
    assert (finished.code, finished.err) == (0, "")


def test_a_terminal_gets_a_chart(run_ticker: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal there is a chart with the stock's name; with --json there are lines all the same."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)

    assert "AAPL  Apple Inc." in run_ticker("history", "AAPL").out.splitlines()[0]
    assert len(run_ticker("history", "AAPL", "--json").entries) == 2


def test_the_options_say_what_is_asked_for(run_ticker: Run, ticker: FakeTicker) -> None:
    """Times without an offset are those of the time zone; without options it is the days of all there is."""
    run_ticker("history", "AAPL")
    run_ticker(
        *("history", "AAPL", "--interval", "5m", "--time-zone", "America/New_York"),
        *("--start", "2013-02-27 19:00:00", "--end", "2013-02-28T01:00:00Z"),
    )

    assert ticker.asked_for_bars == [
        ("AAPL", {"interval": "1d", "start_time": None, "end_time": None, "time_zone": "UTC"}),
        (
            "AAPL",
            {
                "interval": "5m",
                "start_time": MIDNIGHT,
                "end_time": MIDNIGHT + 3600 * 10**9,
                "time_zone": "America/New_York",
            },
        ),
    ]


def test_files_are_written_together(run_ticker: Run, tmp_path: Path) -> None:
    """One command makes a CSV and a picture, and lines if they are asked for."""
    csv, plot = tmp_path / "aapl.csv", tmp_path / "aapl.png"
    quiet = run_ticker("history", "AAPL", "--csv", str(csv), "--plot", str(plot))
    lines = run_ticker("history", "AAPL", "--csv", "-", "--plot", str(plot))

    assert (quiet.code, quiet.out, quiet.err) == (0, "", "")
    assert csv.read_text() == lines.out
    assert lines.out.count("\n") == 3
    assert plot.read_bytes().startswith(b"\x89PNG")
    assert len(run_ticker("history", "AAPL", "--csv", str(csv), "--json").entries) == 2


def test_no_bars_are_an_answer_but_no_picture(run_ticker: Run, ticker: FakeTicker, tmp_path: Path) -> None:
    """A span without bars is told on stderr, with exit code 0; a picture that cannot be made is an error."""
    ticker.bars = []
    empty = run_ticker("history", "AAPL", "--interval", "1h")
    csv = run_ticker("history", "AAPL", "--csv", "-")
    plot = run_ticker("history", "AAPL", "--plot", str(tmp_path / "aapl.png"))

    assert (empty.code, empty.out, empty.err) == (0, "", "AAPL has no 1h bars in this span\n")
    assert (csv.code, csv.out.count("\n")) == (0, 1)
    assert (plot.code, plot.err) == (1, "error: NO_BARS: AAPL has no 1d bars in this span; no picture was made\n")
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("--interval", "2m"), 'USAGE: --interval: "2m": write 1m, 5m, 15m, 1h, 1d'),
        (("--start", "yesterday"), "USAGE: --start: yesterday: write RFC 3339, "),
        (("--start", "2013-02-02", "--end", "2013-02-01"), "USAGE: --end: it must be after --start"),
        (("--time-zone", "Mars/Olympus"), 'INVALID_TIME_ZONE: --time-zone: "Mars/Olympus" is no IANA time zone'),
        (("--csv", "-", "--json"), "USAGE: --csv - and --json both write to stdout"),
        (("--csv", "missing/aapl.csv"), "FILE_NOT_FOUND: --csv: there is no folder missing"),
        (("--csv", "."), "USAGE: --csv: . is a folder"),
        (("--plot", "missing/aapl.png"), "FILE_NOT_FOUND: --plot: there is no folder missing"),
        (("--plot", "aapl.jpg"), 'USAGE: --plot: "aapl.jpg": the picture is a PNG; write FILE.png'),
    ],
)
def test_what_makes_no_sense_is_not_asked(
    run_ticker: Run, ticker: FakeTicker, arguments: tuple[str, ...], error: str
) -> None:
    """A mistake of the command line is one line with exit code 2, before the server is asked for bars."""
    finished = run_ticker("history", "AAPL", *arguments)

    assert (finished.code, finished.out, ticker.asked_for_bars) == (2, "", [])
    assert finished.err.startswith(f"error: {error}")
    assert finished.err.count("\n") == 1


def test_a_missing_extra_is_told_before_anything_is_asked(
    run_ticker: Run, ticker: FakeTicker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without matplotlib a picture is refused with what to install, and all else goes on."""
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    finished = run_ticker("history", "AAPL", "--plot", "aapl.png")

    assert (finished.code, ticker.asked_for_bars) == (2, [])
    assert finished.err == "error: EXTRA_MISSING: --plot needs matplotlib: pip install 'stock-ticker[history]'\n"
    assert len(run_ticker("history", "AAPL").entries) == 2


def test_a_stock_that_does_not_exist_leaves_no_file(run_ticker: Run, tmp_path: Path) -> None:
    """What the server refuses is its error, and nothing is written."""
    finished = run_ticker("history", "NOPE", "--plot", str(tmp_path / "nope.png"), "--csv", str(tmp_path / "nope.csv"))

    assert finished.code == 1
    assert finished.err.startswith("error: STOCK_NOT_FOUND: ")
    assert [*tmp_path.iterdir()] == []


def test_a_server_without_bars_says_so(run_ticker: Run, ticker: FakeTicker) -> None:
    """A server that keeps no bars is told as any other refusal."""
    ticker.bars_trouble = NotBuilt("NOT_IMPLEMENTED", "this server keeps no bars", code="UNIMPLEMENTED")

    assert run_ticker("history", "AAPL").err == "error: NOT_IMPLEMENTED: this server keeps no bars\n"
