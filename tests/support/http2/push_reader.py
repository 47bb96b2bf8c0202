"""A client that reads one watch as cheaply as can be, so that a test can have a thousand; and one with every check."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

from tests.support.http2.enforcing_client import EnforcingClient, Stream
from tests.support.http2.header_blocks import call
from tests.support.http2.message_buffer import MessageBuffer
from tests.support.http2.numbered_messages import number_of
from tests.support.http2.push_methods import WATCH
from tests.support.http2.raw_client import RawClient
from tests.support.http2.wire_frames import INITIAL_WINDOW, PREFACE, Frame, Kind, Setting, settings, window_update

__all__ = ["OPEN_WIDE", "ByteByByteReader", "HonestReader", "PushReader", "honest_reader"]

_LARGEST = 2**31 - 1
OPEN_WIDE = (
    PREFACE
    + settings({Setting.INITIAL_WINDOW_SIZE: _LARGEST})
    + window_update(0, _LARGEST - INITIAL_WINDOW)
    + call(1, WATCH)
)
"""The first bytes of a reader whose windows never close."""


class PushReader(RawClient):
    """Keeps the numbers that came on stream 1."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers: list[int] = []
        self._messages = MessageBuffer()

    def take(self, frame: Frame) -> None:
        """Take one frame; those of the watch are not kept."""
        if frame.kind == Kind.DATA and frame.stream_id == 1:
            self.numbers += [number_of(message) for message in self._messages.take(frame.payload)]
        else:
            super().take(frame)

    async def reaches(self, number: int) -> None:
        """Wait until a number came."""
        await self.until(lambda: bool(self.numbers) and self.numbers[-1] >= number)


class ByteByByteReader(PushReader):
    """Gives credit for as many bytes as came; `longest` is the most that came at once."""

    def __init__(self) -> None:
        super().__init__()
        self.longest = 0

    def take(self, frame: Frame) -> None:
        """Take one frame."""
        super().take(frame)
        if frame.kind == Kind.DATA:
            size = len(frame.payload)
            self.longest = max(self.longest, size)
            self.send(window_update(1, size), window_update(0, size))


class HonestReader(asyncio.Protocol):
    """Reads one watch through the enforcing client, gives credit for what it read, and fails if h2 finds fault."""

    def __init__(self) -> None:
        self._client = EnforcingClient()
        self._client.on_data = self._give_credit
        self._stream: Stream = self._client.open(WATCH, message=b"honest")
        self._news = asyncio.Event()
        self._transport: asyncio.Transport | None = None
        self._error: Exception | None = None

    @property
    def numbers(self) -> list[int]:
        """The numbers that came."""
        return [number_of(message) for message in self._stream.messages]

    async def reaches(self, number: int) -> None:
        """Wait until a number came."""
        async with asyncio.timeout(10):
            while not (self._stream.messages and number_of(self._stream.messages[-1]) >= number):
                if self._error is not None:
                    raise self._error
                self._news.clear()
                await self._news.wait()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send what was prepared."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by its type
        self._transport.write(self._client.take())

    def data_received(self, data: bytes) -> None:
        """Take what came, and answer."""
        try:
            self._client.receive(data)
        except Exception as error:  # noqa: BLE001 - told by whoever waits
            self._error = error
        self._send()
        self._news.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """Note the end."""
        self._error = self._error or exc or ConnectionResetError("the server cut an honest reader")
        self._news.set()

    def close(self) -> None:
        """Cut the connection."""
        assert self._transport is not None
        self._transport.abort()

    def _give_credit(self, stream: Stream, size: int) -> None:
        if size:
            self._client.credit(size)
            self._client.credit(size, stream)

    def _send(self) -> None:
        assert self._transport is not None
        if (data := self._client.take()) and not self._transport.is_closing():
            self._transport.write(data)


@asynccontextmanager
async def honest_reader(port: int) -> AsyncIterator[HonestReader]:
    """Open an honest watch until the end of the block."""
    _, reader = await asyncio.get_running_loop().create_connection(HonestReader, "127.0.0.1", port)
    try:
        yield reader
    finally:
        reader.close()
