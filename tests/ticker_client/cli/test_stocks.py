"""`ticker stocks`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.ticker_client.cli.fake_ticker import FakeTicker

Run = Callable[..., Any]

ENTRY = {"stock_id": "AAPL", "name": "Apple", "currency": "EUR", "create_time": "2026-11-24T09:30:00Z"}


def test_a_stock_is_created_with_its_name_and_currency(run_ticker: Run, ticker: FakeTicker) -> None:
    """`stocks create` shows the stock as it is now."""
    finished = run_ticker("stocks", "create", "AAPL", "--name", "Apple", "--currency", "EUR", "--json")

    assert finished.code == 0
    assert finished.entries == [ENTRY]
    assert ticker.stocks["AAPL"].name == "Apple"


def test_a_stock_is_shown_as_a_table(run_ticker: Run) -> None:
    """`stocks get` shows one stock for people."""
    run_ticker("stocks", "create", "AAPL", "--name", "[bold]Apple")

    finished = run_ticker("stocks", "get", "AAPL")

    assert finished.out.splitlines() == [
        "STOCK  NAME         CURRENCY  CREATED",
        "AAPL   [bold]Apple  USD       2026-11-24T09:30:00Z",
    ]


def test_all_stocks_are_listed_by_their_ids(run_ticker: Run) -> None:
    """`stocks list` has one line for each stock, as a table and as JSON."""
    for stock_id in ("MSFT", "AAPL"):
        run_ticker("stocks", "create", stock_id)

    assert [line.split()[0] for line in run_ticker("stocks", "list").out.splitlines()] == ["STOCK", "AAPL", "MSFT"]
    assert [entry["stock_id"] for entry in run_ticker("--json", "stocks", "list").entries] == ["AAPL", "MSFT"]


def test_a_deleted_stock_says_what_it_ended(run_ticker: Run) -> None:
    """`stocks delete` tells how many subscriptions went with the stock."""
    run_ticker("stocks", "create", "AAPL")
    run_ticker("add", "AAPL", "--user", "ana")

    assert run_ticker("stocks", "delete", "AAPL").out == "deleted AAPL; ended 1 subscription\n"
    run_ticker("stocks", "create", "FB")
    assert run_ticker("stocks", "delete", "FB", "--json").entries == [{"stock_id": "FB", "ended_subscriptions": 0}]


def test_an_unknown_stock_is_an_answer_of_the_server(run_ticker: Run) -> None:
    """The server's error is one line with its reason, and exit code 1."""
    finished = run_ticker("stocks", "get", "NOPE")

    assert (finished.code, finished.out) == (1, "")
    assert finished.err == 'error: STOCK_NOT_FOUND: "NOPE" does not exist\n'
