"""`ticker add`, `remove` and `list`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tests.ticker_client.cli.fake_ticker import FakeTicker
from ticker_client.cli.failures import CommandError
from ticker_client.cli.subscriptions import cadence_of
from ticker_client.models import Window

Run = Callable[..., Any]


def test_a_stock_is_added_with_the_defaults(run_ticker: Run, ticker: FakeTicker) -> None:
    """`add` leaves to the server what was not said."""
    finished = run_ticker("add", "AAPL", "--user", "ana")

    subscription = ticker.subscriptions["ana", "AAPL"]
    assert finished.code == 0
    assert (subscription.frequency, subscription.every_tick, subscription.time_zone) == (None, False, "UTC")
    assert subscription.window == Window("10:00", "18:00")


def test_stocks_are_added_with_all_options(run_ticker: Run, ticker: FakeTicker) -> None:
    """`add` takes several stocks, a zone, a frequency, a window and its days."""
    options = ("--time-zone", "Europe/Berlin", "--frequency", "500ms", "--window", "09:30-16:00", "--days", "fri,mon")

    run_ticker("add", "AAPL", "FB", *options, "--user", "ana")

    for stock_id in ("AAPL", "FB"):
        subscription = ticker.subscriptions["ana", stock_id]
        assert subscription.frequency == timedelta(milliseconds=500)
        assert subscription.time_zone == "Europe/Berlin"
        assert subscription.window == Window("09:30", "16:00", (1, 5))


def test_every_tick_at_all_hours(run_ticker: Run, ticker: FakeTicker) -> None:
    """`--every-tick` and `--always` stand in for a frequency and a window."""
    run_ticker("add", "AAPL", "--every-tick", "--always", "--user", "ana")

    assert ticker.subscriptions["ana", "AAPL"].every_tick
    assert ticker.subscriptions["ana", "AAPL"].always


def test_an_added_stock_is_one_json_line(run_ticker: Run) -> None:
    """Programs read all of the subscription, and whether it is new."""
    finished = run_ticker("add", "AAPL", "--frequency", "1s", "--days", "mon", "--user", "ana", "--json")

    assert finished.entries == [
        {
            "user_id": "ana",
            "stock_id": "AAPL",
            "time_zone": "UTC",
            "frequency": "1s",
            "every_tick": False,
            "window": {"start": "10:00", "end": "18:00", "weekdays": [1]},
            "always": False,
            "revision": 1,
            "create_time": "2026-11-24T09:30:00Z",
            "update_time": "2026-11-24T09:30:00Z",
            "open_now": False,
            "next_open_time": "2026-11-24T10:00:00Z",
            "created": True,
        }
    ]


def test_saved_stocks_are_listed(run_ticker: Run) -> None:
    """`list` shows how each stock of the user is followed, and nobody else's."""
    run_ticker("add", "AAPL", "--frequency", "1s", "--user", "ana")
    run_ticker("add", "FB", "--every-tick", "--always", "--user", "ana")
    run_ticker("add", "MSFT", "--user", "bob")

    assert run_ticker("list", "--user", "ana").out.splitlines() == [
        "STOCK  EVERY  WINDOW       TIME ZONE  NOW",
        "AAPL      1s  10:00-18:00  UTC        opens 2026-11-24T10:00:00Z",
        "FB      tick  always       UTC        open",
    ]
    entries = run_ticker("list", "--user", "ana", "--json").entries
    assert [(entry["stock_id"], entry["window"] is None, entry["frequency"]) for entry in entries] == [
        ("AAPL", False, "1s"),
        ("FB", True, None),
    ]


def test_removed_stocks_are_told_from_those_that_were_not_followed(run_ticker: Run) -> None:
    """`remove` says what it removed; what was not followed is told beside it and is no failure."""
    run_ticker("add", "AAPL", "--user", "ana")

    finished = run_ticker("remove", "AAPL", "FB", "--user", "ana")

    assert (finished.code, finished.out, finished.err) == (0, "removed AAPL\n", "not followed: FB\n")
    assert run_ticker("remove", "FB", "FB", "--user", "ana", "--json").entries == [
        {"user_id": "ana", "stock_id": "FB", "removed": False}
    ]


@pytest.mark.parametrize(
    "options",
    [
        ("--frequency", "1s", "--every-tick"),
        ("--always", "--window", "10:00-18:00"),
        ("--always", "--days", "mon"),
        ("--window", "10-18"),
        ("--days", "monday"),
        ("--frequency", "5"),
    ],
)
def test_options_that_make_no_sense_are_refused(run_ticker: Run, ticker: FakeTicker, options: tuple[str, ...]) -> None:
    """Options that exclude each other or cannot be read end with exit code 2, and nothing is added."""
    finished = run_ticker("add", "AAPL", "--user", "ana", *options)

    assert finished.code == 2
    assert finished.err.startswith("error: USAGE: --")
    assert not ticker.subscriptions


def test_the_server_judges_the_rest(run_ticker: Run) -> None:
    """A zone that does not exist is the server's to refuse."""
    finished = run_ticker("add", "AAPL", "--user", "ana", "--time-zone", "Mars/Olympus")

    assert finished.code == 1
    assert finished.err == "error: INVALID_TIME_ZONE: no such zone\n"


def test_a_cadence_is_a_frequency_or_none() -> None:
    """A frequency is read as a duration; beside every tick it is refused."""
    assert cadence_of("2s", every_tick=False) == timedelta(seconds=2)
    assert cadence_of(None, every_tick=True) is None
    with pytest.raises(CommandError, match="exclude each other"):
        cadence_of("2s", every_tick=True)
