"""Recent ticks: the newest of all stocks, without a hole in any of them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.support.fanout_rig import accepted
from ticker_server.fanout.recent import RecentTicks


def filled(stock_ids: str, limit: int) -> RecentTicks:
    """Return what is kept after one tick of each letter, sequences 1, 2, 3 ..."""
    recent = RecentTicks(limit)
    for sequence, stock_id in enumerate(stock_ids, 1):
        recent.add(accepted(stock_id, sequence, sequence))
    return recent


def test_ticks_above_a_sequence() -> None:
    """The ticks of one stock above a sequence come in their order."""
    recent = filled("ABABA", 10)

    assert [tick.sequence for tick in recent.after("A", 1)] == [3, 5]
    assert [tick.sequence for tick in recent.after("A", 0)] == [1, 3, 5]
    assert not recent.after("A", 5)
    assert not recent.after("C", 0)


def test_reach() -> None:
    """What is above a sequence is whole where the tick of that sequence, or one before it, is still kept."""
    recent = filled("AAA", 2)

    assert [recent.reaches("A", sequence) for sequence in range(4)] == [False, False, True, True]
    assert not recent.reaches("B", 3)


@given(st.text("ABC", max_size=60), st.integers(1, 20))
def test_newest_are_kept(stock_ids: str, limit: int) -> None:
    """Exactly the last ticks of all are kept, whatever their stocks."""
    recent = filled(stock_ids, limit)
    kept = list(enumerate(stock_ids, 1))[-limit:]

    for stock_id in "ABC":
        assert [tick.sequence for tick in recent.after(stock_id, 0)] == [
            sequence for sequence, other in kept if other == stock_id
        ]
