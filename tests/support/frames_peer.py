"""A client of the frames transport on a real socket, which says what a test says and reads frames."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from typing import Any

from tests.support.frame_log import FrameLog, Said
from tests.support.http2_client import Http2Client

__all__ = ["FramesPeer"]

_PATIENCE = 10


class FramesPeer:
    """One connection. `said` is all that the server has said and was read so far."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.client = Http2Client()
        self.said: list[Said] = []
        self.has_ended = False
        self.writer = writer
        self._reader = reader
        self._log = FrameLog()

    @classmethod
    async def connect(cls, port: int, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> FramesPeer:
        """Connect, and say nothing yet."""
        return cls(*await asyncio.open_connection(host, port, ssl=tls, server_hostname="localhost" if tls else None))

    @classmethod
    async def greet(cls, port: int, settings: dict[int, int] | None = None, **how: Any) -> FramesPeer:
        """Connect and exchange the settings."""
        peer = await cls.connect(port, **how)
        peer.send(peer.client.hello(settings), peer.client.settings_ack())
        await peer.until(lambda: ("SETTINGS ACK",) in peer.said)
        peer.said.clear()
        return peer

    def send(self, *pieces: bytes) -> None:
        """Say something."""
        self.writer.write(b"".join(pieces))

    async def until(self, condition: Callable[[], Any]) -> None:
        """Read until a condition holds."""
        async with asyncio.timeout(_PATIENCE):
            while not condition():
                await self._read()

    async def heard(self, kind: str, stream_id: int | None = None) -> Said:
        """Read until something of a kind was said, on a stream or any; return the first."""

        def found() -> list[Said]:
            return [said for said in self.said if said[0] == kind and (stream_id is None or said[1] == stream_id)]

        await self.until(found)
        return found()[0]

    async def status(self, stream_id: int) -> str:
        """Read until a stream has ended, and return its status."""
        async with asyncio.timeout(_PATIENCE):
            while True:
                for said in self.said:
                    if said[:2] == ("HEADERS", stream_id) and said[3]:
                        return str(said[2]["grpc-status"])
                await self._read()

    async def end(self) -> list[Said]:
        """Read until the server says no more, and return all that it said."""
        async with asyncio.timeout(_PATIENCE):
            while not self.has_ended:
                await self._read()
        return self.said

    async def close(self) -> None:
        """Close the connection."""
        self.writer.close()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()

    async def _read(self) -> None:
        assert not self.has_ended, f"the server has said no more than {self.said}"
        try:
            data = await self._reader.read(2**16)
        except ConnectionError:
            data = b""
        self.has_ended = not data
        self.said += self._log.read(data)
