"""The gate of streams: its limits."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ticker_server.api.transport.gate import StreamGate
from ticker_server.errors import LimitExceeded, ServerDraining

PEER, OTHER = "ipv4:127.0.0.1:1", "ipv4:127.0.0.1:2"


def test_gate_refuses_one_stream_too_many() -> None:
    """Streams are counted while they are open; one above the limit is refused, with a time to come back."""
    gate = StreamGate(1)
    first = gate.enter(PEER)
    first.check()
    second = gate.enter(OTHER)
    with pytest.raises(LimitExceeded, match=r"^STREAM_LIMIT: .* at most 1 open") as caught:
        second.check()
    second.leave()
    first.check()
    first.leave()

    assert caught.value.retry_after == timedelta(seconds=1)
    assert gate.open == 0


def test_gate_refuses_streams_while_draining() -> None:
    """A server that is about to stop takes no new streams."""
    gate = StreamGate(1)
    gate.draining = True

    with pytest.raises(ServerDraining):
        gate.enter(PEER).check()


def test_unread_ends_count_for_their_connection_alone() -> None:
    """A connection with too many ended streams that were not read gets no new one; another one does."""
    gate = StreamGate(100, max_unread=2)
    passages = [gate.enter(PEER) for _ in range(3)]
    for passage in passages:
        passage.end()
        passage.end()

    assert gate.unread == 3
    gate.enter(OTHER).check()
    late = gate.enter(PEER)
    with pytest.raises(LimitExceeded, match=r"^STREAM_LIMIT: 3 watches of this connection have ended") as caught:
        late.check()
    assert caught.value.retry_after == timedelta(seconds=1)

    passages[0].leave()
    late.check()
    assert gate.unread == 2


def test_nothing_is_kept_of_streams_that_left() -> None:
    """The gate keeps no connection whose streams are over."""
    gate = StreamGate(100)
    for number in range(1000):
        passage = gate.enter(f"ipv4:127.0.0.1:{number}")
        passage.check()
        if number % 2:
            passage.end()
        passage.leave()

    assert (gate.open, gate.unread) == (0, 0)
    assert not vars(gate)["_unread"]
