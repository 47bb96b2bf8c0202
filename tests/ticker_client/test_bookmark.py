"""The bookmark: from where a program that has taken these events has to go on."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from tests.ticker_client.messages import stock_update
from ticker_client.bookmark import Bookmark
from ticker_client.events import (
    CaughtUp,
    Event,
    Gap,
    GapReason,
    Opened,
    StockDeleted,
    StockJoined,
    StockLeft,
    Update,
    UpdateKind,
    WatchedStock,
)
from ticker_client.resume import Position, Resume

OPENED = Opened("w-1", "e-1", (), (), timedelta(seconds=5), None, "1")
REPLACED = replace(OPENED, log_epoch="e-2")


def unpriced(stock_id: str) -> WatchedStock:
    """Return a stock that has no price yet."""
    return WatchedStock(
        stock_id,
        stock_id,
        "USD",
        frequency=None,
        every_tick=True,
        open_now=True,
        next_open_time=None,
        has_price=False,
    )


def update(stock_id: str, number: int) -> Update:
    """Return a tick; its sequence is ten times the number."""
    return Update(stock_update(stock_id, number), UpdateKind.LIVE)


def after(*events: Event, resume: Resume | None = None) -> Resume:
    """Return where a program stands that has taken events."""
    bookmark = Bookmark(resume or Resume())
    for event in events:
        bookmark.take(event)
    return bookmark.resume()


def test_it_stands_at_the_last_update_of_each_stock() -> None:
    """A program stands behind the last update of each stock that it took, in the log in which it was."""
    assert after() == Resume()
    assert after(OPENED, update("A", 1), update("B", 1), update("A", 3)) == Resume(
        "e-1", (Position("A", 30, 3), Position("B", 10, 1))
    )


def test_it_goes_on_from_where_an_earlier_one_stood() -> None:
    """Stocks of which nothing came yet stand where they stood; a gap moves nothing."""
    resume = Resume("e-1", (Position("A", 10, 1), Position("B", 20, 2)))

    assert after(resume=resume) == resume
    assert after(OPENED, Gap("A", 2, 3, GapReason.LOG_TRUNCATED), update("B", 3), resume=resume) == Resume(
        "e-1", (Position("A", 10, 1), Position("B", 30, 3))
    )


def test_what_is_not_followed_has_no_position() -> None:
    """A stock that left or was deleted has no place any longer."""
    assert after(OPENED, update("A", 1), update("B", 1), StockLeft("A"), StockDeleted("B")) == Resume("e-1")


def test_a_new_log_counts_once_it_is_caught_up() -> None:
    """Until the program has caught up in another log it stands in the old one, so that the loss is told again."""
    resume = Resume("e-1", (Position("A", 70, 7),))

    assert after(REPLACED, update("A", 1), resume=resume) == resume
    assert after(REPLACED, update("A", 1), REPLACED, CaughtUp(), resume=resume) == Resume(
        "e-2", (Position("A", 10, 1),)
    )
    assert after(REPLACED, update("A", 1), OPENED, update("A", 8), CaughtUp(), resume=resume) == Resume(
        "e-1", (Position("A", 80, 8),)
    )


def test_that_there_is_no_price_yet_is_a_place_too() -> None:
    """A stock without a price stands before its first tick, until one is taken; what was taken once is not forgotten."""
    opened = replace(OPENED, stocks=(unpriced("A"), unpriced("B")))

    assert after(opened, StockJoined(unpriced("C")), update("B", 1), opened, StockLeft("C")) == Resume(
        "e-1", (Position("A", 0, 0), Position("B", 10, 1))
    )
    assert after(opened, replace(opened, log_epoch="e-2"), CaughtUp()) == Resume(
        "e-2", (Position("A", 0, 0), Position("B", 0, 0))
    )
