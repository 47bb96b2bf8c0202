"""A client one level below gRPC: HTTP/2 by the `h2` library, which sends what a test says, right or wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    DataReceived,
    Event,
    PingAckReceived,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
)

__all__ = ["Answer", "HttpClient", "prefixed"]

WAIT_SECONDS = 10.0

GRPC_HEADERS = {
    ":method": "POST",
    ":scheme": "http",
    ":authority": "localhost",
    "content-type": "application/grpc",
    "te": "trailers",
}


@dataclass(slots=True)
class Answer:
    """What came back on one stream. `reset` is the code of the RST_STREAM, `frames` names what came, in order."""

    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    trailers: dict[str, str] = field(default_factory=dict)
    reset: int | None = None
    frames: list[str] = field(default_factory=list)

    def take(self, event: Event) -> None:
        """Note what came."""
        match event:
            case ResponseReceived():
                self.headers = joined(event.headers)
                self.frames.append("HEADERS")
            case DataReceived():
                self.body += event.data
                self.frames.append("DATA")
            case TrailersReceived():
                self.trailers = joined(event.headers)
                self.frames.append("HEADERS")
            case StreamEnded():
                self.frames[-1] += "+END_STREAM"
            case StreamReset():
                self.reset = int(event.error_code)
                self.frames.append("RST_STREAM")
            case _:
                pass

    @property
    def ended(self) -> bool:
        """Whether nothing more comes but a RST_STREAM."""
        return bool(self.frames) and (self.frames[-1].endswith("+END_STREAM") or self.reset is not None)

    @property
    def status(self) -> int:
        """Return the status of the call, from the trailers or from headers that are all of the answer."""
        return int((self.trailers or self.headers)["grpc-status"])


class HttpClient:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._h2 = H2Connection(
            H2Configuration(header_encoding="utf-8", validate_outbound_headers=False, normalize_outbound_headers=False)
        )
        self._h2.initiate_connection()
        self._answers: dict[int, Answer] = {}
        self._pongs = 0

    def begin(self, path: str, changes: Mapping[str, str | None] | None = None, *, end: bool = False) -> int:
        """Send the headers of a gRPC request, some of them changed or, if None, left out; return the stream."""
        stream = self._h2.get_next_available_stream_id()
        self._answers[stream] = Answer()
        headers = {":path": path, **GRPC_HEADERS, **(changes or {})}
        ordered = sorted(headers.items(), key=lambda header: not header[0].startswith(":"))
        self._h2.send_headers(stream, [header for header in ordered if header[1] is not None], end_stream=end)
        return stream

    def send(self, stream: int, data: bytes, *, end: bool = False) -> None:
        """Send a piece of the request's body."""
        self._h2.send_data(stream, data, end_stream=end)

    def ask(self, path: str, body: bytes, changes: Mapping[str, str | None] | None = None) -> int:
        """Send a whole request and return the stream."""
        stream = self.begin(path, changes)
        self.send(stream, body, end=True)
        return stream

    async def sent(self) -> None:
        """Send what is to be sent, and wait for nothing else."""
        self._writer.write(self._h2.data_to_send())
        await self._writer.drain()

    def so_far(self, stream: int) -> Answer:
        """Return what came back on a stream until now."""
        return self._answers[stream]

    async def answer(self, stream: int) -> Answer:
        """Return what came back on a stream once it is over."""
        while not self._answers[stream].ended:
            await self._turn()
        return self._answers[stream]

    async def answer_and_echo(self, stream: int) -> Answer:
        """Return what came back on a stream, and what came behind it until the server answers to a PING."""
        await self.answer(stream)
        pongs = self._pongs
        self._h2.ping(bytes(8))
        while self._pongs == pongs:
            await self._turn()
        return self._answers[stream]

    async def _turn(self) -> None:
        """Send what is to be sent, and take what comes next."""
        await self.sent()
        async with asyncio.timeout(WAIT_SECONDS):
            data = await self._reader.read(65_536)
        assert data, "the server closed the connection"
        for event in self._h2.receive_data(data):
            self._pongs += isinstance(event, PingAckReceived)
            answer = self._answers.get(getattr(event, "stream_id", 0))
            if answer is not None:
                answer.take(event)


@asynccontextmanager
async def http_client(port: int) -> AsyncIterator[HttpClient]:
    """Open a connection in plain text."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield HttpClient(reader, writer)
    finally:
        writer.close()
        await writer.wait_closed()


def joined(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return headers by name; the values of one name are joined by commas, as HTTP has it."""
    found: dict[str, str] = {}
    for name, value in headers:
        found[name] = f"{found[name]},{value}" if name in found else value
    return found


def prefixed(message: bytes) -> bytes:
    """Return a message as it stands in a request's body."""
    return b"\0" + len(message).to_bytes(4, "big") + message
