"""What good peers do and abusers do too often: how much of it is allowed, and that it comes back with time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from tests.support.http2.header_blocks import call
from tests.support.http2.listeners import memory_link
from tests.support.http2.memory_link import ByteClient, MemoryLink
from tests.support.http2.numbered_messages import numbered
from tests.support.http2.push_methods import WATCH, Pushes
from tests.support.http2.wire_frames import Flag, Kind, Trouble, ping, rst, settings, window_update
from tests.support.virtual_clock import VirtualClock
from ticker_server.api.transport.frames.limits import Limits

LIMITS = Limits()


@dataclass
class Peer:
    """A peer without sockets, whose time stands still until the test moves it."""

    pushes: Pushes
    link: MemoryLink[ByteClient]
    clock: VirtualClock
    last_stream: int = -1

    async def send(self, *data: bytes) -> Trouble | None:
        """Send bytes, and return the error code of the server's GOAWAY, if there is one."""
        self.link.client.send(*data)
        await self.link.settle()
        return self.link.client.terminated

    def watches(self, count: int) -> list[int]:
        """Return the numbers of so many new streams."""
        first = self.last_stream + 2
        self.last_stream += 2 * count
        return list(range(first, self.last_stream + 1, 2))


@pytest.fixture
async def peer(clock: VirtualClock) -> AsyncIterator[Peer]:
    """Return a peer of a server with the limits that serve."""
    pushes = Pushes()
    link = memory_link(pushes, ByteClient(), LIMITS, clock)
    await link.settle()
    yield Peer(pushes, link, clock)
    assert not link.errors


async def test_old_streams_are_cancelled_for_free(peer: Peer) -> None:
    """A thousand watches may be cancelled at once, if they are older than a second."""
    streams = peer.watches(1_000)
    await peer.send(*(call(stream, WATCH) for stream in streams))
    peer.clock.advance(LIMITS.free_reset_age)

    assert await peer.send(*(rst(stream) for stream in streams)) is None
    assert not peer.pushes.open
    assert peer.pushes.opened == 1_000


async def test_young_streams_are_cancelled_at_a_price(peer: Peer) -> None:
    """Watches that are cancelled as soon as they are opened use up an allowance, which comes back with time."""
    burst, per_second = LIMITS.resets.burst, round(LIMITS.resets.per_second)
    assert await peer.send(*(call(stream, WATCH) + rst(stream) for stream in peer.watches(burst))) is None
    peer.clock.advance(1)
    assert await peer.send(*(call(stream, WATCH) + rst(stream) for stream in peer.watches(per_second))) is None

    (last,) = peer.watches(1)
    assert await peer.send(call(last, WATCH) + rst(last)) is Trouble.ENHANCE_YOUR_CALM


async def test_settings_come_back_with_time(peer: Peer) -> None:
    """A peer may change its settings now and then for ever, and not much more often."""
    for _ in range(LIMITS.settings.burst):
        assert await peer.send(settings()) is None
    for _ in range(100):
        peer.clock.advance(1 / LIMITS.settings.per_second)
        assert await peer.send(settings()) is None

    assert await peer.send(settings()) is Trouble.ENHANCE_YOUR_CALM


async def test_a_ping_and_credit_after_each_message_are_no_abuse(peer: Peer) -> None:
    """A client that measures its bandwidth sends credit and a PING or two after each message, and is answered each time."""
    await peer.send(call(1, WATCH))
    for number in range(1, 1_001):
        peer.pushes.broadcast(number, [numbered(number, 100)])
        await peer.link.settle()
        assert await peer.send(window_update(0, 105), window_update(1, 105), ping(), ping()) is None

    assert len(peer.link.client.all(Kind.DATA)) == 1_000
    assert sum(bool(frame.flags & Flag.ACK) for frame in peer.link.client.all(Kind.PING)) == 2_000


async def test_a_ping_now_and_then_is_no_abuse(peer: Peer) -> None:
    """A client with nothing to read may ask for a sign of life, and not more often than every few seconds."""
    for _ in range(100):
        peer.clock.advance(LIMITS.ping_interval)
        assert await peer.send(ping()) is None

    strikes = [await peer.send(ping()) for _ in range(LIMITS.max_ping_strikes + 1)]
    assert strikes == [None] * LIMITS.max_ping_strikes + [Trouble.ENHANCE_YOUR_CALM]
