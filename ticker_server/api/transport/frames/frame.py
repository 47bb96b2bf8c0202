"""HTTP/2 frames as bytes (RFC 9113, section 4 and 6): numbers, and how each frame that a server sends is built."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from struct import Struct

__all__ = [
    "ACK",
    "CONTINUATION",
    "DATA",
    "DEFAULT_MAX_FRAME",
    "DEFAULT_WINDOW",
    "END_HEADERS",
    "END_STREAM",
    "GOAWAY",
    "HAS_PRIORITY",
    "HEADERS",
    "HEADER_BYTES",
    "LARGEST_ID",
    "LARGEST_MAX_FRAME",
    "LARGEST_WINDOW",
    "PADDED",
    "PING",
    "PING_ACK",
    "PREFACE",
    "PRIORITY",
    "PUSH_PROMISE",
    "RST_STREAM",
    "SETTINGS",
    "SETTINGS_ACK",
    "WINDOW_UPDATE",
    "ErrorCode",
    "Setting",
    "frame_header",
    "goaway_frame",
    "headers_frames",
    "ping_frame",
    "rst_frame",
    "settings_frame",
    "window_update_frame",
]

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEADER_BYTES = 9
DEFAULT_WINDOW = 65_535
LARGEST_WINDOW = LARGEST_ID = 2**31 - 1
DEFAULT_MAX_FRAME = 16_384
LARGEST_MAX_FRAME = 2**24 - 1

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM = ACK = 0x1
END_HEADERS = 0x4
PADDED = 0x8
HAS_PRIORITY = 0x20


class ErrorCode(IntEnum):
    """Why a stream or a connection ended (RFC 9113, section 7)."""

    NO_ERROR = 0
    PROTOCOL_ERROR = 1
    INTERNAL_ERROR = 2
    FLOW_CONTROL_ERROR = 3
    SETTINGS_TIMEOUT = 4
    STREAM_CLOSED = 5
    FRAME_SIZE_ERROR = 6
    REFUSED_STREAM = 7
    CANCEL = 8
    COMPRESSION_ERROR = 9
    CONNECT_ERROR = 10
    ENHANCE_YOUR_CALM = 11
    INADEQUATE_SECURITY = 12
    HTTP_1_1_REQUIRED = 13


class Setting(IntEnum):
    """The settings of a connection (RFC 9113, section 6.5.2)."""

    HEADER_TABLE_SIZE = 1
    ENABLE_PUSH = 2
    MAX_CONCURRENT_STREAMS = 3
    INITIAL_WINDOW_SIZE = 4
    MAX_FRAME_SIZE = 5
    MAX_HEADER_LIST_SIZE = 6


_HEADER = Struct(">BHBBI")
_UINT32 = Struct(">I")
_GOAWAY = Struct(">II")
_SETTING = Struct(">HI")


def frame_header(length: int, kind: int, flags: int, stream_id: int) -> bytes:
    """Return the nine bytes that begin a frame."""
    return _HEADER.pack(length >> 16, length & 0xFFFF, kind, flags, stream_id)


def settings_frame(settings: Sequence[tuple[int, int]]) -> bytes:
    """Return a SETTINGS frame of numbers and values."""
    payload = b"".join(_SETTING.pack(number, value) for number, value in settings)
    return frame_header(len(payload), SETTINGS, 0, 0) + payload


SETTINGS_ACK = frame_header(0, SETTINGS, ACK, 0)
PING_ACK = frame_header(8, PING, ACK, 0)
"""How the answer to a PING begins; its eight bytes follow."""


def ping_frame(payload: bytes) -> bytes:
    """Return a PING with eight bytes of its own."""
    return frame_header(8, PING, 0, 0) + payload


def rst_frame(stream_id: int, code: int) -> bytes:
    """Return the frame that ends a stream at once."""
    return frame_header(4, RST_STREAM, 0, stream_id) + _UINT32.pack(code)


def window_update_frame(stream_id: int, credit: int) -> bytes:
    """Return the frame that lets the peer send so many bytes more; stream 0 is the connection."""
    return frame_header(4, WINDOW_UPDATE, 0, stream_id) + _UINT32.pack(credit)


def goaway_frame(last_id: int, code: int, text: str = "") -> bytes:
    """Return the frame that ends a connection: streams above `last_id` were not and will not be processed."""
    payload = _GOAWAY.pack(last_id, code) + text.encode()
    return frame_header(len(payload), GOAWAY, 0, 0) + payload


def headers_frames(stream_id: int, block: bytes, *, end_stream: bool, max_frame: int) -> bytes:
    """Return a header block as HEADERS, and as CONTINUATION where it is longer than the peer takes in one frame."""
    flags = END_STREAM if end_stream else 0
    if len(block) <= max_frame:
        return frame_header(len(block), HEADERS, flags | END_HEADERS, stream_id) + block
    frames = []
    for start in range(0, len(block), max_frame):
        piece = block[start : start + max_frame]
        is_last = start + max_frame >= len(block)
        kind = HEADERS if not start else CONTINUATION
        frames.append(frame_header(len(piece), kind, flags | (END_HEADERS if is_last else 0), stream_id) + piece)
        flags = 0
    return b"".join(frames)
