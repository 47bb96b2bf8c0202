"""Following: what a watch keeps of one stock."""

from __future__ import annotations

from tests.support.fanout_rig import accepted, schedule
from tests.support.virtual_clock import instant
from ticker_server.fanout.following import Following
from ticker_server.fanout.hub import Hub, Quote
from ticker_server.fanout.registry import ALWAYS
from ticker_server.model.stock import Stock

NOON = instant("2026-03-02T12:00:00+00:00")


def quote(*, hidden_through: int = 0) -> Quote:
    """Return the quote of a stock with one tick, sequence 7 and number 3."""
    one = Hub().list_stock(Stock("A", "A", "USD", 0, hidden_through))
    one.newest = accepted("A", 7, 3)
    return one


def live(one: Quote) -> Following:
    """Return a following whose snapshot has left."""
    following = Following(one, 1, ALWAYS)
    following.ask_window(NOON)
    following.is_live = True
    return following


def test_news_is_the_newest_tick_until_it_was_sent() -> None:
    """There is news while the newest tick is above the last one sent."""
    following = live(quote())

    assert following.news is following.quote.newest
    following.last_sequence = 7
    assert following.news is None


def test_no_news_before_the_snapshot() -> None:
    """A stock has no news before its snapshot has left."""
    following = live(quote())
    following.is_live = False

    assert following.news is None


def test_no_news_outside_the_window() -> None:
    """A stock has no news while its window is closed."""
    following = Following(quote(), 1, schedule("UTC", "13:00-14:00"))
    following.is_live = True
    following.ask_window(NOON)

    assert following.news is None


def test_prices_of_a_former_life_are_no_news() -> None:
    """What a stock cost before it was deleted is hidden, and numbers go on after it."""
    following = live(quote(hidden_through=7))

    assert following.news is None
    assert following.last_number == 3


def test_count_starts_at_the_snapshot() -> None:
    """A price that may be shown is not taken as seen."""
    following = Following(quote(), 1, ALWAYS)

    assert (following.last_sequence, following.last_number) == (0, 0)


def test_window_tells_when_it_turned() -> None:
    """Asking a window tells whether it changed, and keeps when it changes next."""
    following = Following(quote(), 1, schedule("UTC", "12:00-13:00"))

    assert not following.ask_window(NOON - 1)
    assert following.next_open == NOON
    assert following.ask_window(NOON)
    assert following.next_open is None
    assert following.changes_at == instant("2026-03-02T13:00:00+00:00")
    assert not following.ask_window(NOON + 1)
