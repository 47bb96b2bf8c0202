"""A connection of the frames transport without a socket: a client's bytes in, the server's frames out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.support.fake_transport import FakeTransport
from tests.support.frame_log import FrameLog, Said
from tests.support.hand_turned import HandTurned
from tests.support.http2_client import Http2Client
from ticker_server.api.transport.frames.connection import Connection
from ticker_server.api.transport.frames.header_block import Request
from ticker_server.api.transport.frames.http2 import Http2
from ticker_server.api.transport.frames.limits import Limits
from ticker_server.api.transport.frames.output import Output
from ticker_server.api.transport.frames.stream import Stream

__all__ = ["ConnectionRig", "Http2Rig"]


class Http2Rig:
    """HTTP/2 over lists, in a turn that ends by hand. `now` is the time, `requests` what was asked for."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self.now = 100.0
        self.turns = HandTurned()
        self.writes: list[bytes] = []
        self.requests: list[tuple[Stream, Request]] = []
        self.client = Http2Client()
        self.output = Output(
            self.writes.append,
            self.turns.soon,
            high=self.limits.write_high,
            served_per_turn=self.limits.served_per_turn,
        )
        self.http2 = Http2(self.output, self.limits, lambda stream, request: self.requests.append((stream, request)))
        self._log = FrameLog()

    def begin(self, settings: dict[int, int] | None = None) -> None:
        """Exchange the settings, and forget what was said."""
        self.http2.begin()
        self.receive(self.client.hello(settings), self.client.settings_ack())
        self.said()

    def receive(self, *pieces: bytes) -> None:
        """Let the peer send something."""
        self.http2.receive(b"".join(pieces), self.now)

    def said(self) -> list[Said]:
        """End the turn, and all that follow from it; return what the server has said since the last call."""
        self.turns.turn_until_idle()
        data = b"".join(self.writes)
        self.writes.clear()
        return self._log.read(data)

    def open(self, stream_id: int = 1, *, ends: bool = True, headers_sent: bool = True) -> Stream:
        """Open a stream, with the headers of the answer out of the way."""
        self.receive(self.client.request(stream_id, ends=ends))
        stream = self.requests[-1][0]
        if headers_sent:
            stream.send_headers()
            self.said()
        return stream


class ConnectionRig:
    """A connection on a fake transport. `now` is its time, `lost` tells whether it has said that nothing is left."""

    def __init__(
        self,
        limits: Limits | None = None,
        on_request: Callable[..., None] | None = None,
        turn: Any = None,
        **transport: Any,
    ) -> None:
        self.now = 100.0
        self.turns = HandTurned()
        self.requests: list[tuple[Stream, Request, str]] = []
        self.lost = False
        self.client = Http2Client()
        self.connection = Connection(
            limits or Limits(), turn or self.turns, lambda: self.now, on_request or self._keep, self._note_lost
        )
        self.transport = FakeTransport(self.connection, **transport)
        self._log = FrameLog()

    def begin(self, settings: dict[int, int] | None = None) -> None:
        """Connect and exchange the settings, and forget what was said."""
        self.connection.connection_made(self.transport)
        self.receive(self.client.hello(settings), self.client.settings_ack())
        self.said()

    def receive(self, *pieces: bytes) -> None:
        """Let the peer send something."""
        self.connection.data_received(b"".join(pieces))

    def said(self) -> list[Said]:
        """End the turn, and all that follow from it; return what the server has said since the last call."""
        self.turns.turn_until_idle()
        return self.heard()

    def heard(self) -> list[Said]:
        """Return what the server has written since the last call."""
        data = b"".join(self.transport.writes)
        self.transport.writes.clear()
        return self._log.read(data)

    def lose(self, error: Exception | None = None) -> None:
        """Let the transport be gone."""
        self.transport.was_closed = True
        self.connection.connection_lost(error)

    def _keep(self, stream: Stream, request: Request, peer: str, cut: Callable[[Stream], None]) -> None:
        self.requests.append((stream, request, peer))
        self.cut = cut

    def _note_lost(self, connection: Connection) -> None:
        assert connection is self.connection
        self.lost = True
