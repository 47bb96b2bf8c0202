"""How stocks and subscriptions stand in rows."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Row

from ticker_server.catalog.rows import stock_from, stock_values, subscription_from, subscription_values, user_from
from ticker_server.model.schedule import DEFAULT_WINDOW, Schedule, Window
from ticker_server.model.stock import Stock, User
from ticker_server.model.subscription import EVERY_TICK, MAX_FREQUENCY, MIN_FREQUENCY, Subscription

INSTANTS = st.integers(0, 2**63 - 1)


def row(values: dict[str, Any]) -> Row[Any]:
    """Return a row with these values."""
    return cast("Row[Any]", SimpleNamespace(**values))


@st.composite
def windows(draw: st.DrawFn) -> Window:
    """Draw any window that the model allows."""
    start = draw(st.integers(0, 1439))
    end = draw(st.integers(1, 1440).filter(lambda minute: minute != start))
    return Window(start, end, tuple(sorted(draw(st.sets(st.integers(1, 7))))))


@st.composite
def subscriptions(draw: st.DrawFn) -> Subscription:
    """Draw any subscription."""
    return Subscription(
        user_id="ana",
        stock_id="BRK.B",
        cadence=draw(st.just(EVERY_TICK) | st.integers(MIN_FREQUENCY, MAX_FREQUENCY)),
        schedule=Schedule("Europe/Berlin", draw(st.none() | windows())),
        revision=draw(INSTANTS),
        create_time=draw(INSTANTS),
        update_time=draw(INSTANTS),
    )


@given(subscriptions())
def test_subscription_comes_back(subscription: Subscription) -> None:
    """Every subscription comes back from its row as it was."""
    assert subscription_from(row(subscription_values(subscription))) == subscription


@given(st.text(min_size=1), INSTANTS, INSTANTS, st.text())
def test_stock_comes_back(name: str, create_time: int, hidden_through: int, hidden_epoch: str) -> None:
    """Every stock comes back from its row as it was."""
    stock = Stock("AAPL", name, "EUR", create_time, hidden_through, hidden_epoch)

    assert stock_from(row(stock_values(stock))) == stock


def test_user_comes_back() -> None:
    """A user comes back from its row."""
    assert user_from(row({"user_id": "ana", "create_time_ns": 7})) == User("ana", 7)


@pytest.mark.parametrize(
    ("window", "columns"),
    [
        (None, (None, None, None)),
        (DEFAULT_WINDOW, ("10:00", "18:00", None)),
        (Window(1320, 1440, (1, 2, 3)), ("22:00", "24:00", "1,2,3")),
    ],
)
def test_window_is_readable_in_its_row(window: Window | None, columns: tuple[str | None, ...]) -> None:
    """A window stands in its row as analysts read it; NULL is always, and NULL weekdays are every day."""
    values = subscription_values(Subscription("ana", "AAPL", EVERY_TICK, Schedule("UTC", window), 1, 1, 1))

    assert (values["window_start"], values["window_end"], values["weekdays"]) == columns
    assert values["frequency_ns"] is None


def test_equal_windows_are_one_object() -> None:
    """Subscriptions with the same window share it in memory."""
    values = row(subscription_values(Subscription("a", "A", 10**9, Schedule("UTC", Window(1, 2, (3,))), 1, 1, 1)))

    assert subscription_from(values).schedule.window is subscription_from(values).schedule.window
