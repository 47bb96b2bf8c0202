"""Header blocks of requests, built by hand: each stands alone, so that any number can be sent in any order."""

from __future__ import annotations

from collections.abc import Iterable

from hpack.hpack import encode_integer

from tests.support.http2.wire_frames import Flag, Kind, frame, grpc_message

__all__ = ["INDEXED_FIRST", "REMEMBERED", "call", "literal", "open_stream", "request_block", "request_headers"]

_POST, _HTTP, _HTTPS = b"\x83", b"\x86", b"\x87"

REMEMBERED = 0x40
"""The first byte of a header that goes into the dynamic table."""

INDEXED_FIRST = b"\xbe"
"""A reference to the header that was remembered last: one byte that stands for kilobytes."""


def literal(name: str | bytes, value: str | bytes, first: int = 0) -> bytes:
    """Return one header, in plain text and by default not remembered."""
    return bytes((first,)) + _text(name) + _text(value)


def request_block(method: str, more: Iterable[tuple[str | bytes, str | bytes]] = (), *, secure: bool = False) -> bytes:
    """Return the header block of a gRPC request."""
    return b"".join(
        [
            _POST,
            _HTTPS if secure else _HTTP,
            literal(":path", method),
            literal(":authority", "localhost"),
            literal("te", "trailers"),
            literal("content-type", "application/grpc"),
            *(literal(name, value) for name, value in more),
        ]
    )


def request_headers(method: str, *more: tuple[str, str]) -> list[tuple[str, str]]:
    """Return the headers of a gRPC request, for a library that encodes them."""
    return [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", method),
        (":authority", "localhost"),
        ("te", "trailers"),
        ("content-type", "application/grpc"),
        *more,
    ]


def open_stream(stream_id: int, method: str, *more: tuple[str, str], flags: int = Flag.END_HEADERS) -> bytes:
    """Return the HEADERS of a request, whose message is still to come."""
    return frame(Kind.HEADERS, stream_id, request_block(method, more), flags)


def call(stream_id: int, method: str, message: bytes = b"", *more: tuple[str, str]) -> bytes:
    """Return a whole call with one message."""
    data = frame(Kind.DATA, stream_id, grpc_message(message), Flag.END_STREAM)
    return open_stream(stream_id, method, *more) + data


def _text(text: str | bytes) -> bytes:
    data = text.encode() if isinstance(text, str) else text
    return bytes(encode_integer(len(data), 7)) + data
