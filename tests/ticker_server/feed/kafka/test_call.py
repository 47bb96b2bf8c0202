"""One call of publish."""

from __future__ import annotations

from ticker_server.feed.kafka.call import DUPLICATE, UNKNOWN, Call
from ticker_server.feed.log import Outcome, Published


def test_outcomes_stand_in_their_places() -> None:
    """Each tick's outcome stands in its place; what has none yet is unknown."""
    call = Call(4)
    call.settle(2, Published(Outcome.ACCEPTED, 7))
    call.settle(0, DUPLICATE)
    call.fail(3, is_refused=False)

    assert not call.settled.is_set()
    assert call.outcomes() == [DUPLICATE, UNKNOWN, Published(Outcome.ACCEPTED, 7), UNKNOWN]

    call.settle(1, DUPLICATE)
    assert call.settled.is_set()


def test_refused_is_only_what_was_refused_whole() -> None:
    """A call is refused if each of its ticks was: otherwise something of it may be written."""
    whole, half = Call(2), Call(2)
    whole.fail(0, is_refused=True)
    whole.fail(1, is_refused=True)
    half.fail(0, is_refused=True)
    half.fail(1, is_refused=False)

    assert (whole.is_refused, half.is_refused) == (True, False)


def test_call_without_ticks() -> None:
    """A call without ticks is settled as it is."""
    call = Call(0)

    assert call.settled.is_set()
    assert not call.is_refused
    assert call.outcomes() == []
