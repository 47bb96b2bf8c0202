"""What rows change in what is stored."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ticker_server.catalog.bulk.merging import Merge, last_rows, merge
from ticker_server.catalog.bulk.rows import SubscriptionRow
from ticker_server.catalog.bulk.tally import Tally
from ticker_server.catalog.bulk.terms import Terms
from ticker_server.model.schedule import Schedule
from ticker_server.model.subscription import Subscription

SECOND = 1_000_000_000


def terms(seconds: int) -> Terms:
    """Return terms that differ by their frequency."""
    return Terms(seconds * SECOND, Schedule("UTC", None))


def row(line: int, user_id: str, stock_id: str, seconds: int = 5) -> SubscriptionRow:
    """Return a row."""
    return SubscriptionRow(line, user_id, stock_id, terms(seconds))


def kept(user_id: str, stock_id: str, seconds: int = 5) -> Subscription:
    """Return what is stored."""
    return Subscription(user_id, stock_id, seconds * SECOND, Schedule("UTC", None), 1, 10, 20)


def merged(*rows: SubscriptionRow, stored: tuple[Subscription, ...] = (), more: int = 0, limit: int = 100) -> Merge:
    """Merge rows; stocks A, B and C are listed, and the user `ana` has `more` subscriptions of other stocks."""
    return merge(
        last_rows(rows),
        listed={"A", "B", "C"},
        stored={(each.user_id, each.stock_id): each for each in stored},
        counts={"ana": more + len(stored)},
        limit=limit,
    )


def test_new_equal_and_other_terms_are_told_apart() -> None:
    """What is stored already is not written again, other terms replace, and the rest is new."""
    rows = row(2, "ana", "A"), row(3, "ana", "B"), row(4, "ana", "C", 7)
    found = merged(*rows, stored=(kept("ana", "A"), kept("ana", "C")))

    assert found.alterations == [(rows[1], None), (rows[2], kept("ana", "C"))]
    assert found.tally == Tally(imported=1, unchanged=1, replaced=1)
    assert found.bad == []


def test_the_last_of_several_rows_wins() -> None:
    """Rows for one user and stock act one after the other: the last one is written, and all are counted."""
    rows = row(2, "ana", "A", 1), row(3, "ana", "A", 2), row(4, "ana", "A", 2)

    found = merged(*rows)

    assert found.alterations == [(rows[2], None)]
    assert found.tally == Tally(imported=1, replaced=1, unchanged=1)


def test_an_unknown_stock_is_a_bad_row() -> None:
    """Each row of a stock that does not exist is named."""
    found = merged(row(2, "ana", "X", 1), row(3, "bob", "A"), row(4, "ana", "X", 2))

    assert [str(bad) for bad in found.bad] == [
        'line 2: STOCK_NOT_FOUND: stock "X" does not exist',
        'line 4: STOCK_NOT_FOUND: stock "X" does not exist',
    ]
    assert found.tally == Tally(imported=1)


def test_rows_above_the_limit_are_bad_and_those_below_are_imported() -> None:
    """New subscriptions fill up what is left of the limit, in the order of the file."""
    found = merged(row(2, "ana", "A"), row(3, "ana", "B"), row(4, "bob", "B"), more=2, limit=3)

    assert [str(bad) for bad in found.bad] == [
        'line 3: SUBSCRIPTION_LIMIT: user "ana" has 3 subscriptions, at most 3 are allowed'
    ]
    assert found.tally == Tally(imported=2)


def test_what_is_stored_may_be_replaced_at_the_limit() -> None:
    """A limit that was lowered since keeps nobody from changing what there is."""
    found = merged(row(2, "ana", "A", 7), stored=(kept("ana", "A"),), more=9, limit=3)

    assert found.tally == Tally(replaced=1)


def test_a_rejected_row_takes_its_earlier_ones_along() -> None:
    """None of several rows for a subscription above the limit is imported, and each is named."""
    found = merged(row(2, "ana", "A", 1), row(3, "ana", "A", 2), more=3, limit=3)

    assert [bad.line for bad in found.bad] == [2, 3]
    assert found.tally == Tally()


ROWS = st.lists(
    st.builds(
        row,
        st.just(0),
        st.sampled_from(["ana", "bob"]),
        st.sampled_from(["A", "B", "C", "X"]),
        st.integers(1, 2),
    ),
    max_size=30,
)


@given(ROWS, st.integers(1, 4))
def test_every_row_is_counted_once_and_the_outcome_is_that_of_row_by_row(
    rows: list[SubscriptionRow], limit: int
) -> None:
    """Merging all at once stores what AddStock would, row by row."""
    found = merged(*rows, stored=(kept("ana", "A", 1),), limit=limit)

    expected = {("ana", "A"): terms(1)}
    rejected = 0
    for each in rows:
        new = (each.user_id, each.stock_id) not in expected
        if each.stock_id == "X" or (new and sum(user == each.user_id for user, _ in expected) >= limit):
            rejected += 1
        else:
            expected[each.user_id, each.stock_id] = each.terms
    outcome = {("ana", "A"): terms(1)} | {(each.user_id, each.stock_id): each.terms for each, _ in found.alterations}

    assert outcome == expected
    assert len(found.bad) == rejected
    assert found.tally.total == len(rows) - rejected
