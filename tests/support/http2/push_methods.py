"""The methods of a server for tests: a watch that the test drives, and calls that read what they are sent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

from tests.support.http2.newest_wins import NewestWins
from ticker_server.api.transport.frames.call import Call
from ticker_server.api.transport.frames.methods import Push, Streaming, Unary
from ticker_server.fanout.sink import Sink

__all__ = ["COLLECT", "ECHO", "IGNORE", "NEVER", "WATCH", "Pushes"]

WATCH = "/test.Pushes/Watch"
ECHO = "/test.Pushes/Echo"
COLLECT = "/test.Pushes/Collect"
NEVER = "/test.Pushes/Never"
IGNORE = "/test.Pushes/Ignore"


class Pushes:
    """Watches in the order in which they were opened; `by_key` finds one by the message that opened it.

    `opened` counts the watches so far, `open` are those that are not closed. `collected` are the messages of Collect.
    `begun` and `cancelled` count the calls of Never.
    """

    def __init__(self) -> None:
        self.by_key: dict[bytes, NewestWins] = {}
        self.open: dict[NewestWins, None] = {}
        self.opened = 0
        self.collected: list[bytes] = []
        self.begun = self.cancelled = 0
        self.faults: list[str] = []
        self._news = asyncio.Event()

    @property
    def methods(self) -> Mapping[str, Unary | Push | Streaming]:
        """The methods, for a listener."""
        return {
            WATCH: Push(self._watch),
            ECHO: Unary(self._echo),
            COLLECT: Streaming(self._collect),
            NEVER: Unary(self._never),
            IGNORE: Streaming(self._ignore),
        }

    def broadcast(self, number: int, parts: Sequence[bytes]) -> None:
        """Offer a message to every watch."""
        for watch in list(self.open):
            watch.offer(number, parts)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until a condition on the watches and calls holds."""
        async with asyncio.timeout(10):
            while not condition():
                self._news.clear()
                await self._news.wait()

    async def _watch(self, request: bytes, _call: Call, sink: Sink) -> NewestWins:
        self.opened += 1
        watch = NewestWins(sink, self._note_close)
        self.open[watch] = None
        self.by_key[request] = watch
        self._news.set()
        return watch

    async def _echo(self, request: bytes, _call: Call) -> bytes:
        return request

    async def _collect(self, call: Call) -> None:
        while (message := await call.read()) is not None:
            self.collected.append(message)
            self._news.set()

    async def _ignore(self, _call: Call) -> None:
        await asyncio.get_running_loop().create_future()

    async def _never(self, request: bytes, _call: Call) -> bytes:
        self.begun += 1
        self._news.set()
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            self.cancelled += 1
            self._news.set()
            raise
        return request

    def _note_close(self, watch: NewestWins) -> None:
        self.open.pop(watch, None)
        self.faults += watch.faults
        self._news.set()
