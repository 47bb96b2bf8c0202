from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from ticker_server.feed.sqlite.recent import RecentTicks
from ticker_server.model.tick import AcceptedTick


def ticks(*sequences: int) -> list[AcceptedTick]:
    """Return ticks of these sequences."""
    return [AcceptedTick("AAPL", "1", "", 0, 0, sequence, sequence) for sequence in sequences]


def sequences(found: Sequence[AcceptedTick] | None) -> list[int] | None:
    """Return the sequences of what was found."""
    return None if found is None else [tick.sequence for tick in found]


def test_nothing_is_known_at_first() -> None:
    """Before anything was added, nothing can be said about any position."""
    assert RecentTicks(3).after(0, 5) is None


def test_memory_is_bounded() -> None:
    """At least the last ticks are kept, and never more than twice as many."""
    recent = RecentTicks(3)
    recent.add(ticks(1, 2, 3, 4, 5, 6))
    assert sequences(recent.after(0, 9)) == [1, 2, 3, 4, 5, 6]

    recent.add(ticks(7))

    assert recent.after(3, 9) is None
    assert sequences(recent.after(4, 9)) == [5, 6, 7]


def test_ticks_before_a_hole_are_forgotten() -> None:
    """A tick that does not follow the last one makes all before it unknown, so that no reader misses what is between."""
    recent = RecentTicks(10)
    recent.add(ticks(1, 2, 3))

    recent.add(ticks(6, 7))

    assert recent.after(3, 9) is None
    assert sequences(recent.after(5, 9)) == [6, 7]


@given(st.integers(1, 5), st.integers(1, 40), st.lists(st.integers(0, 7), max_size=12), st.data())
def test_answer_is_exact_or_none(kept: int, first: int, batches: list[int], data: st.DataObject) -> None:
    """What is returned for a position is exactly what follows it, or None; never something with a hole."""
    recent, end = RecentTicks(kept), first - 1
    for size in batches:
        recent.add(ticks(*range(end + 1, end + 1 + size)))
        end += size
    position = data.draw(st.integers(0, end + 2))
    limit = data.draw(st.integers(1, 9))

    found = sequences(recent.after(position, limit))

    if found is not None:
        assert found == list(range(position + 1, end + 1))[:limit]
    else:
        assert position < end - kept or end == first - 1 or position < first - 1
