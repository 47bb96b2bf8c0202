"""Calls over the frames transport without a socket: a dispatcher behind a connection, and what each call got."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

from tests.support.frame_log import Said
from tests.support.frames_rig import ConnectionRig
from ticker_server.api.transport.frames.dispatch import Dispatcher
from ticker_server.api.transport.frames.limits import Limits
from ticker_server.api.transport.frames.methods import Method, Methods, Unary
from ticker_server.api.transport.frames.turn import Turn
from ticker_server.clock import Clock, SystemClock

__all__ = ["CallRig", "Reply", "calling"]


@dataclass
class Reply:
    """What came on one stream: the first headers, the bytes, the trailers, the code of a reset."""

    headers: dict[str, str] = field(default_factory=dict)
    data: bytes = b""
    trailers: dict[str, str] | None = None
    reset: str | None = None
    has_ended: bool = False

    @property
    def messages(self) -> list[bytes]:
        """The messages that are complete."""
        messages, data = [], self.data
        while len(data) >= 5 and len(data) >= 5 + int.from_bytes(data[1:5], "big"):
            end = 5 + int.from_bytes(data[1:5], "big")
            messages.append(data[5:end])
            data = data[end:]
        return messages

    @property
    def code(self) -> int | None:
        """The status; None if there is none."""
        return None if self.trailers is None else int(self.trailers["grpc-status"])

    @property
    def text(self) -> str:
        """The message of the status, as it is on the wire."""
        return (self.trailers or {}).get("grpc-message", "")

    def take(self, said: Said) -> None:
        """Note what was said on the stream."""
        if said[0] == "DATA":
            self.data += said[2]
            self.has_ended = self.has_ended or said[3]
        elif said[0] == "RST":
            self.reset, self.has_ended = said[2], True
        elif said[0] == "HEADERS":
            assert not self.has_ended, "HEADERS behind the end"
            if "grpc-status" in said[2]:
                self.trailers = said[2]
            self.headers = self.headers or said[2]
            self.has_ended = said[3]


class CallRig(ConnectionRig):
    """A connection whose requests go to handlers. `replies` are by stream."""

    def __init__(self, methods: Methods, limits: Limits | None = None, clock: Clock | None = None) -> None:
        self.dispatcher = Dispatcher(methods, clock or SystemClock())
        super().__init__(limits, self.dispatcher.take, Turn(asyncio.get_running_loop()))
        self.replies: defaultdict[int, Reply] = defaultdict(Reply)
        self.others: list[Said] = []

    def look(self) -> None:
        """Note what the server has written so far."""
        for said in self.heard():
            if said[0] in {"HEADERS", "DATA", "RST"}:
                self.replies[said[1]].take(said)
            else:
                self.others.append(said)

    async def until(self, condition: Callable[[], Any]) -> None:
        """Let the loop turn until a condition holds."""
        async with asyncio.timeout(10):
            while True:
                self.look()
                if condition():
                    return
                await asyncio.sleep(0)

    async def turn(self, count: int = 5) -> None:
        """Let the loop make a few turns."""
        for _ in range(count):
            await asyncio.sleep(0)
        self.look()

    async def ended(self, stream_id: int) -> Reply:
        """Return what came on a stream, once it has ended."""
        await self.until(lambda: self.replies[stream_id].has_ended)
        return self.replies[stream_id]

    async def call(
        self, stream_id: int, payload: bytes, path: str = "/test.Test/Unary", *more: tuple[str, str]
    ) -> Reply:
        """Make a call with one message, and return what came of it."""
        self.receive(self.client.call(stream_id, payload, path, *more))
        return await self.ended(stream_id)


@contextlib.asynccontextmanager
async def calling(
    answer: Callable[..., Any] | None = None,
    limits: Limits | None = None,
    clock: Clock | None = None,
    **methods: Method,
) -> AsyncIterator[CallRig]:
    """Serve `/test.Test/Unary` and methods of other names; in the end, no handler is left."""
    named: dict[str, Method] = {f"/test.Test/{name}": method for name, method in methods.items()}
    if answer is not None:
        named["/test.Test/Unary"] = Unary(answer)
    rig = CallRig(named, limits, clock)
    rig.connection.connection_made(rig.transport)
    rig.receive(rig.client.hello())
    await rig.turn(2)
    rig.others.clear()
    yield rig
    if not rig.lost:
        rig.lose()
    async with asyncio.timeout(10):
        await rig.dispatcher.idle()
