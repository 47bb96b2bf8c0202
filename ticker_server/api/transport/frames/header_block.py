"""Header blocks: those a server sends, as literals without a table, and the requests in those it gets.

What is sent is the same for nearly every call, so it is made once and needs no state of a connection (RFC 7541,
section 6.2.2: literal header fields without indexing).
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote

__all__ = [
    "OK_TRAILERS",
    "RESPONSE_HEADERS",
    "Headers",
    "Malformed",
    "Metadata",
    "Request",
    "check_trailers",
    "headers_block",
    "http_block",
    "parse_request",
    "trailers_block",
]

Headers = Sequence[tuple[bytes, bytes]]
Metadata = Sequence[tuple[str, str | bytes]]
"""Names in lower case; those that end in `-bin` have bytes, all others text."""

_STATUS_200 = b"\x88"  # index 8 of the static table
_ENTRY_OVERHEAD = 32
_UNESCAPED = " !\"#$&'()*+,/:;<=>?@[\\]^`{|}"
_TIMEOUT = re.compile(rb"([0-9]{1,8})([HMSmun])")
_UNITS = {b"H": 3_600_000_000_000, b"M": 60_000_000_000, b"S": 10**9, b"m": 10**6, b"u": 1_000, b"n": 1}
_PSEUDO = frozenset({b":method", b":scheme", b":path", b":authority"})
_OF_CONNECTION = frozenset({b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"})
_NOT_METADATA = frozenset(
    {b"te", b"content-type", b"content-length", b"grpc-timeout", b"grpc-encoding", b"grpc-accept-encoding"}
)
_BAD_NAME = re.compile(rb"[\x00-\x20A-Z\x7f-\xff:]")
_BAD_VALUE = re.compile(rb"[\x00\r\n]|^[ \t]|[ \t]$")


class Malformed(Exception):
    """A header list that is no request (RFC 9113, section 8.1.1); its stream is reset with PROTOCOL_ERROR."""


@dataclass(frozen=True, slots=True)
class Request:
    """What the headers of a request say. `timeout` is in nanoseconds, None without one.

    `metadata` is what the caller has to tell beside the headers that are the protocol's; `size` is that of all headers
    as HTTP/2 counts it (RFC 9113, section 6.5.2).
    """

    method: bytes
    path: str
    content_type: bytes
    encoding: bytes
    content_length: int | None
    timeout: int | None
    metadata: Metadata
    size: int


def parse_request(headers: Headers) -> Request:
    """Return what a header list asks for. Raises Malformed."""
    pseudo: dict[bytes, bytes] = {}
    own: dict[bytes, bytes] = {}
    metadata: list[tuple[str, str | bytes]] = []
    size = 0
    for name, value in headers:
        size += len(name) + len(value) + _ENTRY_OVERHEAD
        if name[:1] == b":":
            if own or metadata or name not in _PSEUDO or name in pseudo or _BAD_VALUE.search(value):
                raise Malformed(f"pseudo-header {name!r} is unknown, malformed, repeated or out of its place")
            pseudo[name] = value
            continue
        _check_field(name, value)
        if name in _NOT_METADATA:
            own[name] = value
        elif name[-4:] == b"-bin":
            metadata.extend((name.decode("ascii"), _decoded(piece)) for piece in value.split(b","))
        else:
            metadata.append((name.decode("ascii"), value.decode("latin-1")))
    path = pseudo.get(b":path", b"")
    if not path or b":method" not in pseudo or b":scheme" not in pseudo:
        raise Malformed("a pseudo-header is missing")
    return Request(
        method=pseudo[b":method"],
        path=path.decode("latin-1"),
        content_type=own.get(b"content-type", b""),
        encoding=own.get(b"grpc-encoding", b""),
        content_length=_content_length(own.get(b"content-length")),
        timeout=_timeout(own.get(b"grpc-timeout")),
        metadata=metadata,
        size=size,
    )


def check_trailers(headers: Headers) -> None:
    """Raise Malformed if these cannot be the trailers of a request."""
    for name, value in headers:
        if name[:1] == b":":
            raise Malformed("a pseudo-header among the trailers")
        _check_field(name, value)


def headers_block(metadata: Metadata) -> bytes:
    """Return the block that begins an answer, with initial metadata of its own."""
    return RESPONSE_HEADERS + _encoded(metadata)


@lru_cache(maxsize=256)
def _status_fields(code: int, message: str) -> bytes:
    fields = _literal(b"grpc-status", b"%d" % code)
    return fields + _literal(b"grpc-message", _escaped(message).encode()) if message else fields


def _escaped(message: str) -> str:
    """Escape a message as gRPC does, and the spaces that no header may begin or end with (RFC 9113, section 8.2.1)."""
    text = quote(message, safe=_UNESCAPED, errors="replace")
    inner = text.strip(" ")
    before = len(text) - len(text.lstrip(" "))
    return "%20" * before + inner + "%20" * (len(text) - before - len(inner))


def trailers_block(code: int, message: str = "", details: bytes = b"", metadata: Metadata = ()) -> bytes:
    """Return the block that ends an answer. `details` are the bytes of a google.rpc.Status."""
    block = _status_fields(code, message)
    if details:
        block += _encoded((("grpc-status-details-bin", details),))
    return block + _encoded(metadata)


def http_block(status: int, fields: Headers) -> bytes:
    """Return the headers of an answer to what is no gRPC call."""
    return _literal(b":status", b"%d" % status) + _joined(fields)


def _encoded(metadata: Metadata) -> bytes:
    return b"".join(_literal(name.encode("ascii"), _wire_value(value)) for name, value in metadata)


def _wire_value(value: str | bytes) -> bytes:
    return b64encode(value).rstrip(b"=") if isinstance(value, bytes) else value.encode("latin-1")


def _literal(name: bytes, value: bytes) -> bytes:
    return b"\x00" + _integer(len(name)) + name + _integer(len(value)) + value


def _integer(number: int) -> bytes:
    """Encode a length with a prefix of seven bits (RFC 7541, section 5.1)."""
    if number < 0x7F:
        return bytes((number,))
    encoded = bytearray((0x7F,))
    number -= 0x7F
    while number >= 0x80:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def _decoded(value: bytes) -> bytes:
    try:
        return b64decode(value + b"=" * (-len(value) % 4), validate=True)
    except Base64Error as error:
        raise Malformed("binary metadata is not base64") from error


def _check_field(name: bytes, value: bytes) -> None:
    if not _is_name(name) or _BAD_VALUE.search(value):
        raise Malformed("a header has characters that it must not have, or is one of HTTP/1 connections")
    if name == b"te" and value != b"trailers":
        raise Malformed("te is not trailers")


@lru_cache(maxsize=1024)
def _is_name(name: bytes) -> bool:
    return bool(name) and not _BAD_NAME.search(name) and name not in _OF_CONNECTION


def _content_length(value: bytes | None) -> int | None:
    if value is None:
        return None
    if not value.isdigit():
        raise Malformed("content-length is no number")
    return int(value[:20])


def _timeout(value: bytes | None) -> int | None:
    if value is None:
        return None
    found = _TIMEOUT.fullmatch(value)
    if found is None:
        raise Malformed("grpc-timeout is no number of at most 8 digits and a unit")
    return int(found[1]) * _UNITS[found[2]]


def _joined(fields: Iterable[tuple[bytes, bytes]]) -> bytes:
    return b"".join(_literal(name, value) for name, value in fields)


RESPONSE_HEADERS = _STATUS_200 + _joined(
    ((b"content-type", b"application/grpc"), (b"grpc-accept-encoding", b"identity"))
)
OK_TRAILERS = trailers_block(0)
