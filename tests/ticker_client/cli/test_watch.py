"""`ticker watch`."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.ticker_client.cli.events_of_a_watch import opened, update, watched
from tests.ticker_client.cli.fake_ticker import FakeTicker
from ticker_client.errors import NotFound, WatchBroken
from ticker_client.events import CaughtUp, FeedChanged, FeedState, GoAway, GoAwayReason, LagPolicy, UpdateKind
from ticker_client.resume import Position, Resume

Run = Callable[..., Any]


class Terminal(io.StringIO):
    """A stdout that says it is a terminal."""

    def isatty(self) -> bool:
        """Tell that it is one."""
        return True


@pytest.fixture(autouse=True)
def _events(ticker: FakeTicker) -> None:
    """Have a watch that tells three updates."""
    ticker.events = [
        opened(watched("AAPL"), refused=("NOPE",)),
        update("AAPL", "1.50", kind=UpdateKind.SNAPSHOT),
        CaughtUp(),
        FeedChanged(FeedState.STALE, None),
        update("AAPL", "1.60", number=2),
        update("AAPL", "1.70", number=3),
    ]


def test_events_are_json_lines_when_stdout_is_no_terminal(run_ticker: Run) -> None:
    """Each event is one object on one line, in order."""
    finished = run_ticker("watch", "AAPL", "NOPE")

    assert [entry["event"] for entry in finished.entries] == [
        "opened",
        "update",
        "caught_up",
        "update",
        "update",
    ]
    assert [refusal["stock_id"] for refusal in finished.entries[0]["refusals"]] == ["NOPE"]
    assert (finished.code, finished.err) == (0, "")


def test_a_count_ends_the_watch(run_ticker: Run) -> None:
    """The watch ends after that many updates, the snapshots included."""
    finished = run_ticker("watch", "AAPL", "--count", "2")

    assert finished.code == 0
    assert [entry["price"] for entry in finished.entries if entry["event"] == "update"] == ["1.50", "1.60"]
    assert finished.entries[-1]["price"] == "1.60"


def test_options_are_handed_on(run_ticker: Run, ticker: FakeTicker) -> None:
    """The cadence, the lag policy and the heartbeat reach the client as they were typed."""
    run_ticker("watch", "AAPL", "FB", "--every-tick", "--lag-policy", "disconnect", "--heartbeat", "1s")
    run_ticker("watch", "*", "--frequency", "100ms")
    run_ticker("watch", "--user", "ana")

    nothing = {
        "every_tick": False,
        "frequency": None,
        "lag_policy": None,
        "heartbeat": None,
        "start_time": None,
        "end_time": None,
        "resume": None,
    }
    assert ticker.watched == [
        (
            ("AAPL", "FB"),
            {
                **nothing,
                "every_tick": True,
                "lag_policy": LagPolicy.DISCONNECT,
                "heartbeat": timedelta(seconds=1),
            },
        ),
        (("*",), {**nothing, "frequency": timedelta(milliseconds=100)}),
        ((), nothing),
    ]


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("AAPL", "--every-tick", "--frequency", "1s"),
        ("AAPL", "--lag-policy", "wait"),
        ("AAPL", "--heartbeat", "often"),
        ("AAPL", "--count", "-1"),
        ("AAPL", "--every-tick", "--start", "yesterday"),
        ("AAPL", "--every-tick", "--start", "2013-02-30"),
        ("AAPL", "--every-tick", "--start", "5", "--end", "soon"),
        ("AAPL", "--every-tick", "--start", "5", "--end", "5"),
        ("AAPL", "--every-tick", "--end", "5"),
        ("AAPL", "--start", "5"),
        ("--user", "ana", "--every-tick", "--start", "5"),
    ],
)
def test_what_makes_no_sense_is_not_asked(run_ticker: Run, ticker: FakeTicker, arguments: tuple[str, ...]) -> None:
    """No stock and no user, and options that cannot be read, are usage errors."""
    finished = run_ticker("watch", *arguments)

    assert finished.code == 2
    assert finished.err.startswith("error: USAGE: ")
    assert finished.err.count("\n") == 1
    assert not ticker.watched


@pytest.mark.parametrize(
    ("start", "end", "asked"),
    [
        ("2013-02-28", None, (1_362_009_600 * 10**9, None)),
        ("2013-02-28 00:00:00.5", "2013-02-28T01:00:00+01:00", None),
        ("2013-02-28 00:00:00", "2013-02-28T01:00:01+01:00", (1_362_009_600 * 10**9, 1_362_009_601 * 10**9)),
        ("1362009600", "1362009600123", (1_362_009_600 * 10**9, 1_362_009_600_123 * 10**6)),
        ("1362009600000001", "1362009600000001001", (1_362_009_600_000_001 * 10**3, 1_362_009_600_000_001_001)),
    ],
)
def test_the_past_is_asked_for(
    run_ticker: Run, ticker: FakeTicker, start: str, end: str | None, asked: tuple[int, int | None] | None
) -> None:
    """A time is RFC 3339, a date or a clock in UTC, or a number since the epoch; it reaches the client exactly."""
    ends = () if end is None else ("--end", end)
    finished = run_ticker("watch", "AAPL", "--every-tick", "--start", start, *ends)

    assert finished.code == (2 if asked is None else 0)
    assert [(how["start_time"], how["end_time"]) for _, how in ticker.watched] == ([] if asked is None else [asked])


def test_a_resume_file_goes_with_a_start(run_ticker: Run, ticker: FakeTicker, tmp_path: Path) -> None:
    """The start counts as long as there is no file; then both reach the client, where the file comes first."""
    file = tmp_path / "here.json"
    for _ in range(2):
        run_ticker("watch", "AAPL", "--every-tick", "--start", "5", "--resume-file", str(file))

    assert [(how["start_time"], how["resume"]) for _, how in ticker.watched] == [
        (5 * 10**9, None),
        (5 * 10**9, Resume("epoch-1", (Position("AAPL", 6, 3),))),
    ]


def test_a_resume_file_is_read_and_written(run_ticker: Run, ticker: FakeTicker, tmp_path: Path) -> None:
    """The first command with a file begins afresh, the next one where the first ended, however it ended."""
    file = tmp_path / "here.json"
    ticker.watch_failure = WatchBroken("connection reset")
    first = run_ticker("watch", "AAPL", "--resume-file", str(file))
    run_ticker("watch", "AAPL", "--resume-file", str(file), "--count", "1")

    kept = Resume("epoch-1", (Position("AAPL", 6, 3),))
    assert first.code == 3
    assert [how["resume"] for _, how in ticker.watched] == [None, kept]
    assert Resume.from_json(file.read_text()) == Resume("epoch-1", (Position("AAPL", 2, 1),))


def test_a_resume_file_of_something_else_is_left_alone(run_ticker: Run, ticker: FakeTicker, tmp_path: Path) -> None:
    """A file that is no position is an error before anything is watched, and stays as it is."""
    file = tmp_path / "notes.txt"
    file.write_text("mine")
    finished = run_ticker("watch", "AAPL", "--resume-file", str(file))

    assert (finished.code, ticker.watched, file.read_text()) == (2, [], "mine")
    assert finished.err.startswith("error: INVALID_FILE: --resume-file: ")


def test_a_refused_watch_is_the_answer_of_the_server(run_ticker: Run, ticker: FakeTicker) -> None:
    """When everything is refused the command ends with the reason and exit code 1."""
    ticker.watch_refusal = NotFound("STOCK_NOT_FOUND", "no such stock", code="NOT_FOUND")

    finished = run_ticker("watch", "NOPE")

    assert (finished.code, finished.out, finished.err) == (1, "", "error: STOCK_NOT_FOUND: no such stock\n")


def test_a_broken_watch_is_an_unreachable_server(run_ticker: Run, ticker: FakeTicker) -> None:
    """What was received is written, then the break is told with exit code 3."""
    ticker.watch_failure = WatchBroken("connection reset")

    finished = run_ticker("watch", "AAPL")

    assert finished.code == 3
    assert len(finished.entries) == 5
    assert finished.err == "error: WATCH_BROKEN: connection reset\n"


def test_a_watch_that_the_server_ends_says_when_to_come_back(run_ticker: Run, ticker: FakeTicker) -> None:
    """A planned end is no success of the command, unless it was the end of what was asked."""
    ticker.events.append(GoAway(GoAwayReason.DRAINING, timedelta(milliseconds=1500)))

    finished = run_ticker("watch", "AAPL")

    assert finished.code == 3
    assert finished.entries[-1]["event"] == "go_away"
    assert finished.err == "error: WATCH_ENDED: the server ended the watch (DRAINING); watch again in 1.5 s\n"

    ticker.events[-1] = GoAway(GoAwayReason.REPLAY_COMPLETE, timedelta(0))
    assert run_ticker("watch", "AAPL").code == 0


@pytest.mark.parametrize(
    ("arguments", "title"), [(("AAPL", "FB"), "AAPL, FB"), (("*",), "all stocks"), ((), "ana's stocks")]
)
def test_a_terminal_has_the_live_board(
    run_ticker: Run, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], title: str
) -> None:
    """On a terminal the same events make a board, with the refusals above it."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("sys.stdout", terminal := Terminal())

    finished = run_ticker("watch", *arguments, "--user", "ana")

    assert finished.code == 0
    text = terminal.getvalue()
    assert title in text
    assert "1.70" in text
    assert "refused: STOCK_NOT_FOUND" in text
    assert '"event"' not in text


@pytest.mark.parametrize(("variable", "value", "option"), [("TERM", "dumb", "--count=9"), ("TERM", "xterm", "--json")])
def test_a_terminal_has_lines_if_it_must(
    run_ticker: Run, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, option: str
) -> None:
    """A terminal that cannot move its cursor, and one that asked for JSON, get lines."""
    monkeypatch.setenv(variable, value)
    monkeypatch.setattr("sys.stdout", terminal := Terminal())

    run_ticker("watch", "AAPL", option)

    assert terminal.getvalue().startswith('{"event": "opened"')


def test_a_pipe_has_lines_even_if_colours_are_forced(run_ticker: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """FORCE_COLOR does not make a terminal of a pipe."""
    monkeypatch.setenv("FORCE_COLOR", "1")

    assert run_ticker("watch", "AAPL").entries[0]["event"] == "opened"
