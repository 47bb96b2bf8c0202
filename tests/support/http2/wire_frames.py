"""HTTP/2 frames as bytes, right ones and wrong ones, and what comes back cut into frames."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import IntEnum, IntFlag
from typing import NamedTuple

__all__ = [
    "INITIAL_WINDOW",
    "PREFACE",
    "SETTINGS_ACK",
    "Flag",
    "Frame",
    "FrameBuffer",
    "Kind",
    "Setting",
    "Trouble",
    "frame",
    "goaway",
    "grpc_message",
    "ping",
    "priority",
    "rst",
    "settings",
    "window_update",
]

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
INITIAL_WINDOW = 65_535
_HEADER_BYTES = 9


class Kind(IntEnum):
    """The kinds of frames."""

    DATA = 0
    HEADERS = 1
    PRIORITY = 2
    RST_STREAM = 3
    SETTINGS = 4
    PUSH_PROMISE = 5
    PING = 6
    GOAWAY = 7
    WINDOW_UPDATE = 8
    CONTINUATION = 9


class Flag(IntFlag):
    """The flags of frames; an answer to PING or SETTINGS has that which ends a stream elsewhere."""

    NONE = 0
    END_STREAM = 1
    ACK = 1
    END_HEADERS = 4
    PADDED = 8
    PRIORITY = 32


class Setting(IntEnum):
    """The names of settings."""

    HEADER_TABLE_SIZE = 1
    ENABLE_PUSH = 2
    MAX_CONCURRENT_STREAMS = 3
    INITIAL_WINDOW_SIZE = 4
    MAX_FRAME_SIZE = 5
    MAX_HEADER_LIST_SIZE = 6


class Trouble(IntEnum):
    """The error codes of RST_STREAM and GOAWAY."""

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


class Frame(NamedTuple):
    """One frame."""

    kind: int
    flags: int
    stream_id: int
    payload: bytes

    @property
    def number(self) -> int:
        """Return the payload as a number: of RST_STREAM the error code, of WINDOW_UPDATE the credit."""
        return int.from_bytes(self.payload)

    @property
    def trouble(self) -> int:
        """Return the error code of a GOAWAY."""
        return int.from_bytes(self.payload[4:8])


class FrameBuffer:
    """Cuts a stream of bytes into frames."""

    def __init__(self) -> None:
        self._data = bytearray()

    def take(self, data: bytes) -> list[Frame]:
        """Return the frames that are complete with these bytes."""
        return [
            Frame(each[3], each[4], int.from_bytes(each[5:_HEADER_BYTES]), each[_HEADER_BYTES:])
            for each in self.take_bytes(data)
        ]

    def take_bytes(self, data: bytes) -> list[bytes]:
        """Return the bytes of each frame that is complete with these."""
        self._data += data
        frames, at = [], 0
        while len(self._data) - at >= _HEADER_BYTES:
            end = at + _HEADER_BYTES + int.from_bytes(self._data[at : at + 3])
            if end > len(self._data):
                break
            frames.append(bytes(self._data[at:end]))
            at = end
        del self._data[:at]
        return frames


def frame(kind: int, stream_id: int = 0, payload: bytes = b"", flags: int = 0) -> bytes:
    """Return a frame, whether it makes sense or not."""
    return len(payload).to_bytes(3) + bytes((kind, flags)) + stream_id.to_bytes(4) + payload


def settings(values: Mapping[int, int] | Iterable[tuple[int, int]] = ()) -> bytes:
    """Return SETTINGS."""
    pairs = values.items() if isinstance(values, Mapping) else values
    return frame(Kind.SETTINGS, 0, b"".join(name.to_bytes(2) + value.to_bytes(4) for name, value in pairs))


def window_update(stream_id: int, credit: int) -> bytes:
    """Return WINDOW_UPDATE; stream 0 is the connection."""
    return frame(Kind.WINDOW_UPDATE, stream_id, credit.to_bytes(4))


def ping(data: bytes = bytes(8), *, ack: bool = False) -> bytes:
    """Return PING, or the answer to one."""
    return frame(Kind.PING, 0, data, Flag.ACK if ack else 0)


def rst(stream_id: int, trouble: int = Trouble.CANCEL) -> bytes:
    """Return RST_STREAM."""
    return frame(Kind.RST_STREAM, stream_id, trouble.to_bytes(4))


def priority(stream_id: int, parent: int = 0) -> bytes:
    """Return PRIORITY."""
    return frame(Kind.PRIORITY, stream_id, parent.to_bytes(4) + b"\x10")


def goaway(last: int = 0, trouble: int = Trouble.NO_ERROR) -> bytes:
    """Return GOAWAY."""
    return frame(Kind.GOAWAY, 0, last.to_bytes(4) + trouble.to_bytes(4))


def grpc_message(message: bytes, announced: int | None = None) -> bytes:
    """Return a message with the prefix of gRPC, which may announce another length than is there."""
    return b"\0" + (len(message) if announced is None else announced).to_bytes(4) + message


SETTINGS_ACK = frame(Kind.SETTINGS, flags=Flag.ACK)
