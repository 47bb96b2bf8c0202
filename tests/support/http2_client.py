"""The bytes that a client of HTTP/2 sends: each method returns some, nothing is checked."""

from __future__ import annotations

from collections.abc import Sequence

from hpack import Encoder

from ticker_server.api.transport.frames.frame import (
    ACK,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    PING,
    PREFACE,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
)

__all__ = ["Http2Client", "frame", "grpc_message"]

Fields = Sequence[tuple[str, str | bytes]]


def frame(kind: int, flags: int, stream_id: int, payload: bytes = b"") -> bytes:
    """Return any frame."""
    head = len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream_id.to_bytes(4, "big")
    return head + payload


def grpc_message(payload: bytes) -> bytes:
    """Return a message as gRPC frames it, not compressed."""
    return b"\0" + len(payload).to_bytes(4, "big") + payload


class Http2Client:
    """One connection's worth of frames: the header table is the only state."""

    def __init__(self) -> None:
        self._encoder = Encoder()

    def hello(self, settings: dict[int, int] | None = None) -> bytes:
        """Begin the connection."""
        return PREFACE + self.settings(settings)

    def settings(self, settings: dict[int, int] | None = None) -> bytes:
        """Tell settings."""
        pairs = (settings or {}).items()
        return frame(
            SETTINGS, 0, 0, b"".join(key.to_bytes(2, "big") + value.to_bytes(4, "big") for key, value in pairs)
        )

    def settings_ack(self) -> bytes:
        """Acknowledge the server's settings."""
        return frame(SETTINGS, ACK, 0)

    def block(self, fields: Fields) -> bytes:
        """Return a header block."""
        return self._encoder.encode(list(fields))

    def headers(self, stream_id: int, fields: Fields, *, ends: bool = False, cut_at: int | None = None) -> bytes:
        """Return any headers; in two frames if the block is cut."""
        block, flags = self.block(fields), END_STREAM if ends else 0
        if cut_at is None:
            return frame(HEADERS, flags | END_HEADERS, stream_id, block)
        return frame(HEADERS, flags, stream_id, block[:cut_at]) + frame(
            CONTINUATION, END_HEADERS, stream_id, block[cut_at:]
        )

    def request(
        self, stream_id: int, path: str = "/test.Test/Unary", *more: tuple[str, str], ends: bool = False
    ) -> bytes:
        """Open a call."""
        fields = [
            (":method", "POST"),
            (":scheme", "http"),
            (":path", path),
            (":authority", "test"),
            ("te", "trailers"),
            ("content-type", "application/grpc"),
        ]
        return self.headers(stream_id, [*fields, *more], ends=ends)

    def data(self, stream_id: int, data: bytes, *, ends: bool = False) -> bytes:
        """Return any DATA."""
        return frame(DATA, END_STREAM if ends else 0, stream_id, data)

    def message(self, stream_id: int, payload: bytes, *, ends: bool = False) -> bytes:
        """Send a message of a call."""
        return self.data(stream_id, grpc_message(payload), ends=ends)

    def call(self, stream_id: int, payload: bytes, path: str = "/test.Test/Unary", *more: tuple[str, str]) -> bytes:
        """Open a call, with its one message."""
        return self.request(stream_id, path, *more) + self.message(stream_id, payload, ends=True)

    def credit(self, stream_id: int, size: int) -> bytes:
        """Let the server send so many bytes more."""
        return frame(WINDOW_UPDATE, 0, stream_id, size.to_bytes(4, "big"))

    def reset(self, stream_id: int, code: int = 8) -> bytes:
        """End a stream at once; 8 is CANCEL."""
        return frame(RST_STREAM, 0, stream_id, code.to_bytes(4, "big"))

    def ping(self, payload: bytes = b"12345678", *, ack: bool = False) -> bytes:
        """Ask for a sign of life, or give one."""
        return frame(PING, ACK if ack else 0, 0, payload)

    def goaway(self, last_id: int = 0, code: int = 0) -> bytes:
        """Say that no more streams are opened."""
        return frame(GOAWAY, 0, 0, last_id.to_bytes(4, "big") + code.to_bytes(4, "big"))
