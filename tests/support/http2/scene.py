"""A listener, an honest reader on it, and whoever else a test brings along."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.support.http2.listeners import running_listener
from tests.support.http2.numbered_messages import numbered
from tests.support.http2.push_methods import Pushes
from tests.support.http2.push_reader import HonestReader, honest_reader
from ticker_server.api.transport.frames.limits import Limits
from ticker_server.api.transport.frames.listener import Listener
from ticker_server.clock import Clock

__all__ = ["Scene", "scene"]

_MESSAGE_BYTES = 100
_WAIT_SECONDS = 10


class Scene:
    """What a test of abuse looks at. `number` is that of the newest message."""

    def __init__(self, pushes: Pushes, listener: Listener, port: int, honest: HonestReader) -> None:
        self.pushes = pushes
        self.listener = listener
        self.port = port
        self.number = 0
        self._honest = honest

    async def publish(self, count: int = 1, size: int = _MESSAGE_BYTES) -> None:
        """Broadcast messages, each as soon as the honest reader has the one before."""
        for _ in range(count):
            self.number += 1
            self.pushes.broadcast(self.number, (numbered(self.number, size),))
            await self._honest.reaches(self.number)

    async def alone(self) -> None:
        """Wait until nobody but the honest reader is connected; it is served meanwhile."""
        async with asyncio.timeout(_WAIT_SECONDS):
            while len(self.listener.connections) > 1:
                await self.publish()

    def check(self) -> None:
        """Look whether the honest reader got every message, and every watch what it was promised."""
        assert self._honest.numbers == list(range(1, self.number + 1))
        assert not self.pushes.faults


@asynccontextmanager
async def scene(
    limits: Limits = Limits(),  # noqa: B008 - frozen
    *,
    clock: Clock | None = None,
) -> AsyncIterator[Scene]:
    """Run a listener with an honest reader; at the end it gets five more messages, and must have got all."""
    pushes = Pushes()
    async with running_listener(pushes, limits, clock) as (listener, port), honest_reader(port) as honest:
        made = Scene(pushes, listener, port, honest)
        await pushes.until(lambda: bool(pushes.open))
        await made.publish()
        yield made
        await made.publish(5)
        made.check()
