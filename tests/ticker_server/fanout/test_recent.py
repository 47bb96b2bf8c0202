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


def test_floor() -> None:
    """The floor of a partition is its newest sequence that was forgotten, at first the one that reading began above."""
    assert [filled("AAAA", limit).floor(0) for limit in (4, 3, 1)] == [0, 1, 3]
    recent = RecentTicks(2)
    recent.begin(3, {0: 7, 1: 8, 2: 9})
    stock_ids = [f"S{number}" for number in range(9)]
    for sequence, stock_id in enumerate(stock_ids, 20):
        recent.add(accepted(stock_id, sequence, 1))

    forgotten = {recent.home(stock_id): sequence for sequence, stock_id in enumerate(stock_ids[:-2], 20)}
    assert {home: recent.floor(home) for home in range(3)} == {0: 7, 1: 8, 2: 9} | forgotten


def test_newest_ticks_of_a_start_are_below_the_floor() -> None:
    """Ticks from before the place where reading began say nothing of what was between them."""
    recent = RecentTicks(1)
    recent.begin(1, {0: 10})
    recent.add(accepted("A", 3, 3))
    recent.add(accepted("B", 4, 4))

    assert recent.floor(0) == 10


def test_whole_above_a_position() -> None:
    """Above a position all is kept if it is above the floor, or its tick or an earlier one is kept, or numbers say so."""
    recent = filled("ABABA", 2)

    assert [recent.follows("A", sequence, 0) for sequence in range(6)] == [False, False, False, True, True, True]
    assert recent.follows("A", 3, 2)
    assert not recent.follows("B", 2, 2)
    assert recent.follows("B", 2, 3)
    assert not recent.follows("C", 2, 1)


@given(st.text("ABC", max_size=60), st.integers(1, 20))
def test_newest_are_kept(stock_ids: str, limit: int) -> None:
    """Exactly the last ticks of all are kept, whatever their stocks."""
    recent = filled(stock_ids, limit)
    kept = list(enumerate(stock_ids, 1))[-limit:]

    for stock_id in "ABC":
        assert [tick.sequence for tick in recent.after(stock_id, 0)] == [
            sequence for sequence, other in kept if other == stock_id
        ]
