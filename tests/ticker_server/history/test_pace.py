"""When checkpoints are due."""

from __future__ import annotations

import pytest

from tests.support.virtual_clock import SECOND, VirtualClock
from ticker_server.history.pace import Pace, Spacing, Written


@pytest.fixture
def clock() -> VirtualClock:
    """Return a clock that stands still."""
    return VirtualClock()


@pytest.fixture
def pace(clock: VirtualClock) -> Pace:
    """Return a pace of 300 s or 1000 records, after a checkpoint of partition 0 at position 5000."""
    pace = Pace(Spacing(300, 1000), clock)
    pace.note(1, 0, Written(5_000, clock.wall()))
    return pace


def test_first_one_is_due_at_once(pace: Pace) -> None:
    """A partition of which there is none yet is due, and so is the same one in another epoch."""
    assert pace.due(1, 1, 5_001)
    assert pace.due(2, 0, 5_001)


def test_due_after_a_time(pace: Pace, clock: VirtualClock) -> None:
    """A partition is due when the time since its newest checkpoint has passed."""
    clock.advance(299)
    assert not pace.due(1, 0, 5_001)
    clock.advance(1)
    assert pace.due(1, 0, 5_001)


def test_due_after_many_records(pace: Pace) -> None:
    """A partition is due when many records have come since its newest checkpoint."""
    assert not pace.due(1, 0, 5_999)
    assert pace.due(1, 0, 6_000)


def test_goes_on_from_what_is_stored(pace: Pace, clock: VirtualClock) -> None:
    """What another member has stored counts, and what is not stored any more does not."""
    pace.set_out(1, {0: None, 1: Written(70, clock.wall() - 299 * SECOND)})
    assert pace.due(1, 0, 5_001)
    assert not pace.due(1, 1, 71)
    clock.advance(1)
    assert pace.due(1, 1, 71)


def test_due_where_the_newest_one_lies_ahead(pace: Pace, clock: VirtualClock) -> None:
    """A position or a clock that was set back does not put the next checkpoint off."""
    pace.set_out(1, {1: Written(70, clock.wall() + 1)})
    assert pace.due(1, 0, 4_999)
    assert pace.due(1, 1, 71)
