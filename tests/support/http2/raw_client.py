"""A client that sends whatever bytes it is told to, and keeps the frames that come back."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar, cast

from tests.support.http2.wire_frames import (
    PREFACE,
    SETTINGS_ACK,
    Flag,
    Frame,
    FrameBuffer,
    Kind,
    Trouble,
    ping,
    settings,
)

__all__ = ["RawClient", "SilentClient", "connected"]

WAIT_SECONDS = 10.0
Client = TypeVar("Client", bound="RawClient")
_FENCE = b"fence..."


class RawClient(asyncio.Protocol):
    """One connection. `frames` are those that came; `is_polite` answers SETTINGS and PING.

    `over` is set once the connection is gone; `sent` counts the bytes that the client was told to send.
    """

    def __init__(self, *, is_polite: bool = True) -> None:
        self.frames: list[Frame] = []
        self.over = asyncio.Event()
        self.received = 0
        self.sent = 0
        self.is_polite = is_polite
        self.first = b""
        self._has_ended = False
        self._buffer = FrameBuffer()
        self._news = asyncio.Event()
        self._can_write = asyncio.Event()
        self._can_write.set()
        self._transport: asyncio.Transport | None = None

    # What a test asks for.

    def send(self, *data: bytes) -> None:
        """Send bytes; nothing happens once either side has ended."""
        joined = b"".join(data)
        self.sent += len(joined)
        if not (self.over.is_set() or self._has_ended):
            self._its_transport.write(joined)

    async def sent_all(self) -> None:
        """Wait until the network took nearly all that was sent."""
        await asyncio.sleep(0)
        if not self._can_write.is_set():
            waits = [asyncio.ensure_future(each.wait()) for each in (self._can_write, self.over)]
            try:
                async with asyncio.timeout(WAIT_SECONDS):
                    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for each in waits:
                    each.cancel()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until a condition on what came holds."""
        async with asyncio.timeout(WAIT_SECONDS):
            while not condition():
                assert not self.over.is_set(), f"the connection is gone: {self.frames[-3:]}"
                self._news.clear()
                await self._news.wait()

    async def fence(self) -> None:
        """Wait for the answer to a PING: what the server had to send before is here."""
        before = self._fences
        self.send(ping(_FENCE))
        await self.until(lambda: self._fences > before)

    async def gone(self) -> None:
        """Wait until the server has closed the connection."""
        async with asyncio.timeout(WAIT_SECONDS):
            await self.over.wait()

    def all(self, kind: Kind, stream_id: int | None = None) -> list[Frame]:
        """Return the frames of a kind that came, of one stream or of all."""
        return [each for each in self.frames if each.kind == kind and stream_id in {None, each.stream_id}]

    @property
    def terminated(self) -> Trouble | None:
        """The error code of the last GOAWAY."""
        last = self.all(Kind.GOAWAY)[-1:]
        return Trouble(last[0].trouble) if last else None

    @property
    def is_over(self) -> bool:
        """Whether the connection is gone."""
        return self.over.is_set()

    def stop_reading(self) -> None:
        """Leave what comes to the kernel, whose buffers fill."""
        self._its_transport.pause_reading()

    def read_again(self) -> None:
        """Read what waits, and all that comes."""
        self._its_transport.resume_reading()

    def end(self) -> None:
        """Close the sending half."""
        self._has_ended = True
        if not self.over.is_set():
            self._its_transport.write_eof()

    def abort(self) -> None:
        """Cut the connection, if it is not gone."""
        if not self.over.is_set():
            self._its_transport.abort()

    # asyncio.Protocol.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first bytes, before any answer to what comes."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by its type
        self.send(self.first)

    def data_received(self, data: bytes) -> None:
        """Keep what came."""
        self.received += len(data)
        for each in self._buffer.take(data):
            self.take(each)
        self._news.set()

    def take(self, frame: Frame) -> None:
        """Take one frame."""
        self.frames.append(frame)
        if self.is_polite and not frame.flags & Flag.ACK:
            if frame.kind == Kind.SETTINGS:
                self.send(SETTINGS_ACK)
            elif frame.kind == Kind.PING:
                self.send(ping(frame.payload, ack=True))

    def pause_writing(self) -> None:
        """Note that the network takes nothing."""
        self._can_write.clear()

    def resume_writing(self) -> None:
        """Note that the network takes bytes again."""
        self._can_write.set()

    def connection_lost(self, _error: Exception | None) -> None:
        """Note the end."""
        self.over.set()
        self._news.set()

    @property
    def _its_transport(self) -> asyncio.Transport:
        assert self._transport is not None
        return self._transport

    @property
    def _fences(self) -> int:
        return sum(each.payload == _FENCE and bool(each.flags & Flag.ACK) for each in self.all(Kind.PING))


class SilentClient(RawClient):
    """Answers nothing of itself."""

    def __init__(self) -> None:
        super().__init__(is_polite=False)


@asynccontextmanager
async def connected(
    port: int,
    make: Callable[[], Client],
    *,
    first: bytes = PREFACE + settings(),
    receive_buffer: int | None = None,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[Client]:
    """Connect and send the first bytes, by default those of a good client; `receive_buffer` is the kernel's, in bytes."""
    client = make()
    client.first = first
    raw = _made_socket(receive_buffer)
    loop = asyncio.get_running_loop()
    try:
        await loop.sock_connect(raw, ("127.0.0.1", port))
        await loop.create_connection(lambda: client, sock=raw, ssl=tls, server_hostname="localhost" if tls else None)
    except BaseException:
        raw.close()
        raise
    try:
        yield client
    finally:
        client.abort()
        await client.gone()


def _made_socket(receive_buffer: int | None) -> socket.socket:
    made = socket.socket()
    made.setblocking(False)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if receive_buffer is not None:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    return made
