"""How changes stand in rows of the outbox."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Row

from ticker_server.catalog.payload import change_from, change_values, with_revision
from ticker_server.model.change import (
    Change,
    StockCreated,
    StockDeleted,
    StockRenamed,
    SubscriptionChanged,
    SubscriptionRemoved,
    UserDeleted,
)
from ticker_server.model.schedule import Schedule, Window
from ticker_server.model.stock import Stock
from ticker_server.model.subscription import Subscription

numbers = st.integers(0, 2**63 - 1)
ids = st.text("ABC.-9", min_size=1, max_size=16)
stocks = st.builds(Stock, ids, st.text(), ids, numbers, numbers, st.text())
schedules = st.builds(
    Schedule,
    st.sampled_from(["UTC", "Asia/Kolkata"]),
    st.none() | st.builds(Window, numbers, numbers, st.lists(st.integers(1, 7)).map(tuple)),
)
changes = st.one_of(
    st.builds(StockCreated, stocks, numbers),
    st.builds(StockRenamed, stocks, numbers),
    st.builds(StockDeleted, ids, numbers),
    st.builds(SubscriptionChanged, st.builds(Subscription, ids, ids, numbers, schedules, numbers, numbers, numbers)),
    st.builds(SubscriptionRemoved, ids, ids, numbers),
    st.builds(UserDeleted, ids, numbers),
)


def row(change: Change, revision: int, **other: str) -> Row[Any]:
    """Return the row of the outbox for a change."""
    return cast("Row[Any]", SimpleNamespace(**(change_values(change) | other), revision=revision))


@given(changes, numbers)
def test_change_comes_back_with_its_revision(change: Change, revision: int) -> None:
    """Every change comes back from its row as it was, with the revision of the row."""
    restored = change_from(row(change, revision))

    assert restored == with_revision(change, revision)
    assert restored.revision == revision
    assert with_revision(restored, change.revision) == change


def test_each_kind_of_change_has_a_name_of_its_own() -> None:
    """No two kinds of changes are stored under one name."""
    stock = Stock("AAPL", "Apple", "USD", 1)
    subscription = Subscription("ana", "AAPL", 0, Schedule("UTC", None), 1, 1, 1)
    examples: list[Change] = [
        StockCreated(stock, 1),
        StockRenamed(replace(stock, name="A"), 1),
        StockDeleted("AAPL", 1),
        SubscriptionChanged(subscription),
        SubscriptionRemoved("ana", "AAPL", 1),
        UserDeleted("ana", 1),
    ]

    assert {type(example) for example in examples} == set(get_args(Change))
    assert len({change_values(example)["kind"] for example in examples}) == len(examples)


def test_unknown_kind_is_named() -> None:
    """A row that a newer program wrote is refused by its kind and revision."""
    with pytest.raises(ValueError, match=r"'split', revision 7"):
        change_from(row(StockDeleted("AAPL", 1), 7, kind="split"))
