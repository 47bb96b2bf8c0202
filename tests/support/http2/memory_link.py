"""A client and a server's connection in one loop, with a network between them that the test turns."""

from __future__ import annotations

import asyncio
from typing import Any, Generic, Protocol, TypeVar

from tests.support.http2.memory_transport import MemoryTransport
from tests.support.http2.wire_frames import PREFACE, Frame, FrameBuffer, Kind, Trouble, settings

__all__ = ["ByteClient", "MemoryLink", "quiet"]

_MOST_ROUNDS = 10_000
_MOST_TURNS = 100_000


class Client(Protocol):
    """What speaks HTTP/2 without a network."""

    def take(self) -> bytes:
        """Return the bytes to send."""

    def receive(self, data: bytes) -> None:
        """Take bytes from the server."""


AnyClient = TypeVar("AnyClient", bound=Client)


class ByteClient:
    """Sends whatever bytes it is told to, and keeps the frames that come back."""

    def __init__(self, first: bytes = PREFACE + settings()) -> None:
        self.frames: list[Frame] = []
        self._to_send = bytearray(first)
        self._buffer = FrameBuffer()

    def send(self, *data: bytes) -> None:
        """Send bytes with the next ones that are taken."""
        self._to_send += b"".join(data)

    def take(self) -> bytes:
        """Return the bytes to send."""
        taken = bytes(self._to_send)
        self._to_send.clear()
        return taken

    def receive(self, data: bytes) -> None:
        """Take bytes from the server."""
        self.frames += self._buffer.take(data)

    def all(self, kind: Kind) -> list[Frame]:
        """Return the frames of a kind that came."""
        return [each for each in self.frames if each.kind == kind]

    @property
    def terminated(self) -> Trouble | None:
        """The error code of the last GOAWAY."""
        last = self.all(Kind.GOAWAY)[-1:]
        return Trouble(last[0].trouble) if last else None


class MemoryLink(Generic[AnyClient]):
    """Carries bytes between `client` and the server's protocol, all of them or a few, when the test says so.

    `errors` are the exceptions that the server let fall into the event loop.
    """

    def __init__(self, protocol: asyncio.Protocol, client: AnyClient) -> None:
        self.errors: list[BaseException] = []
        asyncio.get_running_loop().set_exception_handler(self._note_error)
        self.client = client
        self.transport = MemoryTransport(protocol)
        self._to_server = bytearray()
        self._to_client = bytearray()

    async def carry_to_server(self, count: int) -> None:
        """Carry up to so many bytes to the server, and let it work."""
        self._to_server += self.client.take()
        if self._to_server:
            self.transport.feed(bytes(self._to_server[:count]))
            del self._to_server[:count]
        await quiet()
        self._to_client += self.transport.take()

    def carry_to_client(self, count: int) -> None:
        """Carry up to so many bytes to the client."""
        data = bytes(self._to_client[:count])
        del self._to_client[:count]
        if data:
            self.client.receive(data)

    async def settle(self) -> None:
        """Carry everything until both have nothing more to say."""
        for _ in range(_MOST_ROUNDS):
            await self.carry_to_server(1 << 30)
            if not self._to_client:
                return
            self.carry_to_client(1 << 30)
        raise AssertionError("client and server never come to rest")

    def _note_error(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self.errors.append(context.get("exception") or RuntimeError(context["message"]))


async def quiet() -> None:
    """Let the loop turn until no call is ready in it."""
    ready = asyncio.get_running_loop()._ready  # type: ignore[attr-defined]
    for _ in range(_MOST_TURNS):
        await asyncio.sleep(0)
        if not ready:
            return
    raise AssertionError("the loop never comes to rest")
