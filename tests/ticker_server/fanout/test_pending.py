"""Pending ticks: exact up to the limit, then the newest per stock."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from tests.support.fanout_rig import accepted
from ticker_server.fanout.pending import PendingTicks
from ticker_server.model.tick import AcceptedTick


def filled(stock_ids: str, limit: int) -> PendingTicks:
    """Return a queue after one tick of each letter, sequences 1, 2, 3 ..."""
    pending = PendingTicks(limit)
    for sequence, stock_id in enumerate(stock_ids, 1):
        pending.put(accepted(stock_id, sequence, sequence, at=1000 - sequence))
    return pending


def drained(pending: PendingTicks, count: int = 1_000_000) -> list[tuple[str, int]]:
    """Take so many ticks; return stock and sequence of each."""
    taken: list[tuple[str, int]] = []
    pending.drain(taker(taken, count))
    return taken


def taker(taken: list[tuple[str, int]], count: int) -> Callable[[AcceptedTick, bool], bool]:
    """Return an offer that takes so many ticks."""

    def offer(tick: AcceptedTick, _lagged: object) -> bool:
        if len(taken) == count:
            return False
        taken.append((tick.stock_id, tick.sequence))
        return True

    return offer


def test_up_to_the_limit_all_are_kept_in_order() -> None:
    """A queue at its limit holds each tick and has not overflowed."""
    pending = filled("ABA", 3)

    assert not pending.overflowed
    assert drained(pending) == [("A", 1), ("B", 2), ("A", 3)]
    assert len(pending) == 0


def test_beyond_the_limit_the_newest_per_stock_is_kept() -> None:
    """One tick too many leaves the newest of each stock, each at its place."""
    pending = filled("ABAA", 3)

    assert pending.overflowed
    assert len(pending) == 2
    assert drained(pending) == [("A", 4), ("B", 2)]


def test_conflated_stock_keeps_its_place() -> None:
    """A stock that ticks all the time does not go to the end again and again."""
    pending = filled("ABCAAAAAA", 3)

    assert drained(pending, 1) == [("A", 9)]
    pending.put(accepted("A", 10, 10))
    assert drained(pending) == [("B", 2), ("C", 3), ("A", 10)]


def test_queue_is_exact_again_once_it_was_empty() -> None:
    """After the reader has caught up each tick is kept again; that it overflowed is remembered."""
    pending = filled("AAAA", 2)
    drained(pending)
    for sequence in (10, 11):
        pending.put(accepted("A", sequence, sequence))

    assert drained(pending) == [("A", 10), ("A", 11)]
    assert pending.overflowed


def test_what_is_refused_stays() -> None:
    """A drain that is refused leaves the refused tick and all after it."""
    pending = filled("ABC", 3)

    assert drained(pending, 1) == [("A", 1)]
    assert drained(pending, 0) == []
    assert drained(pending) == [("B", 2), ("C", 3)]


def test_drop_forgets_one_stock() -> None:
    """Dropping a stock leaves the others in their order, exact or conflated."""
    exact, conflated = filled("ABAC", 4), filled("ABAC", 3)
    exact.drop("A")
    conflated.drop("A")

    assert drained(exact) == [("B", 2), ("C", 4)]
    assert drained(conflated) == [("B", 2), ("C", 4)]


def test_drop_of_the_last_makes_the_queue_exact_again() -> None:
    """A conflated queue that is emptied by a drop keeps each tick again."""
    pending = filled("AAA", 2)
    pending.drop("A")
    pending.put(accepted("B", 10, 1))
    pending.put(accepted("B", 11, 2))

    assert drained(pending) == [("B", 10), ("B", 11)]


def test_oldest_accept_time_is_the_earliest() -> None:
    """Partitions are read side by side, so the oldest need not be the first."""
    assert filled("ABC", 5).oldest_accept_time == 997
    assert filled("ABCC", 3).oldest_accept_time == 996
    assert PendingTicks(1).oldest_accept_time is None


@given(stock_ids=st.lists(st.sampled_from("ABCD"), max_size=60), limit=st.integers(1, 20), steps=st.integers(1, 7))
def test_queue_is_bounded_ordered_and_ends_with_the_newest(stock_ids: list[str], limit: int, steps: int) -> None:
    """Whatever comes and goes, sequences of a stock grow, the newest arrives, and no more is held than allowed."""
    pending = PendingTicks(limit)
    taken: list[tuple[str, int]] = []
    for sequence, stock_id in enumerate(stock_ids, 1):
        pending.put(accepted(stock_id, sequence, sequence))
        assert len(pending) <= max(limit, 4)
        if sequence % 11 < steps:
            taken += drained(pending, 1)
    taken += drained(pending)

    for stock_id in set(stock_ids):
        sequences = [sequence for one, sequence in taken if one == stock_id]
        assert sorted(set(sequences)) == sequences
        assert max(index for index, one in enumerate(stock_ids, 1) if one == stock_id) == sequences[-1]
    if len(stock_ids) <= limit:
        assert list(zip(stock_ids, range(1, 100), strict=False)) == taken


def test_replacing_ticks_are_offered_as_such() -> None:
    """A tick that has replaced others of its stock says so when it is offered, and only the first time."""
    pending = filled("ABAA", 3)
    offered: list[tuple[str, object]] = []

    def take(tick: AcceptedTick, lagged: object) -> bool:
        offered.append((tick.stock_id, lagged))
        return True

    pending.drain(take)
    for sequence, stock_id in enumerate("ABBB", 5):
        pending.put(accepted(stock_id, sequence, sequence))
    pending.drain(take)

    assert offered == [("A", True), ("B", False), ("A", False), ("B", True)]
