"""Catalog changes to send about, and Hypothesis strategies of all that there may be."""

from __future__ import annotations

from hypothesis import strategies as st

from ticker_server.model.change import (
    StockCreated,
    StockDeleted,
    StockRenamed,
    SubscriptionChanged,
    SubscriptionRemoved,
    UserDeleted,
)
from ticker_server.model.schedule import Schedule, Window
from ticker_server.model.stock import STOCK_ID, USER_ID, Stock
from ticker_server.model.subscription import EVERY_TICK, MAX_FREQUENCY, MIN_FREQUENCY, Subscription

ALWAYS = Schedule("UTC", None)


def added(user_id: str, stock_id: str, revision: int) -> SubscriptionChanged:
    """Return the change that a user follows a stock from now on."""
    return SubscriptionChanged(Subscription(user_id, stock_id, 5_000_000_000, ALWAYS, revision, revision, revision))


def listed(stock_id: str, revision: int) -> StockCreated:
    """Return the change that a stock exists from now on."""
    return StockCreated(Stock(stock_id, f"{stock_id} Inc.", "USD", revision), revision)


revisions = st.integers(1, 2**63 - 1)
instants = st.integers(-(2**62), 2**62)
stock_ids = st.from_regex(STOCK_ID, fullmatch=True)
user_ids = st.from_regex(USER_ID, fullmatch=True)
stocks = st.builds(
    Stock,
    stock_ids,
    st.text(min_size=1, max_size=100),
    st.sampled_from(["USD", "EUR"]),
    instants,
    st.integers(0, 2**63 - 1),
    st.text("0123456789abcdef", max_size=32),
)
windows = st.builds(
    Window,
    st.integers(0, 1439),
    st.integers(1, 1440),
    st.sets(st.integers(1, 7)).map(lambda weekdays: tuple(sorted(weekdays))),
).filter(lambda window: window.start != window.end)
schedules = st.builds(Schedule, st.sampled_from(["UTC", "Asia/Kolkata", "America/New_York"]), st.none() | windows)
subscriptions = st.builds(
    Subscription,
    user_ids,
    stock_ids,
    st.just(EVERY_TICK) | st.integers(MIN_FREQUENCY, MAX_FREQUENCY),
    schedules,
    revisions,
    instants,
    instants,
)
changes = st.one_of(
    st.builds(StockCreated, stocks, revisions),
    st.builds(StockRenamed, stocks, revisions),
    st.builds(StockDeleted, stock_ids, revisions),
    st.builds(SubscriptionChanged, subscriptions),
    st.builds(SubscriptionRemoved, user_ids, stock_ids, revisions),
    st.builds(UserDeleted, user_ids, revisions),
)
