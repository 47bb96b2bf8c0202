"""Messages as gRPC and HTTP/2 frame them: the header of a DATA frame, the prefix of a message, the message.

A message that goes to many streams is framed once. Those that share one hand in the same tuple, which cannot change, so
its identity tells; and what many connections have in common is the number of their first stream.
"""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct

from ticker_server.api.transport.frames.frame import DATA

__all__ = ["Framing", "message_bytes"]

_PREFIX = Struct(">BI")
_WHOLE = Struct(">BHBBIBI")
_PREFIX_BYTES = 5
_KEPT_BYTES = 1024 * 1024
"""So much is remembered of one message: thousands of streams of one connection have as many numbers."""


def message_bytes(message: bytes) -> bytes:
    """Return a message as gRPC frames it: not compressed, its length, its bytes."""
    return _PREFIX.pack(0, len(message)) + message


class Framing:
    """Frames messages, and remembers the newest one that may be shared."""

    __slots__ = ("_frames", "_parts")

    def __init__(self) -> None:
        self._parts: Sequence[bytes] = ()
        self._frames: dict[int, bytes] = {}

    def frame(self, stream_id: int, parts: Sequence[bytes]) -> bytes:
        """Return the DATA frame that is all of one message, the join of the parts.

        A message may be longer than a frame; then only what stands behind the nine bytes of the header is of use.
        """
        is_shared = type(parts) is tuple
        if is_shared and parts is self._parts and (known := self._frames.get(stream_id)) is not None:
            return known
        message = parts[0] if len(parts) == 1 else b"".join(parts)
        size = len(message)
        whole = size + _PREFIX_BYTES
        frame = _WHOLE.pack(whole >> 16 & 0xFF, whole & 0xFFFF, DATA, 0, stream_id, 0, size) + message
        if is_shared:
            self._remember(stream_id, parts, frame)
        return frame

    def _remember(self, stream_id: int, parts: Sequence[bytes], frame: bytes) -> None:
        if parts is not self._parts:
            self._parts, self._frames = parts, {}
        if len(frame) * len(self._frames) < _KEPT_BYTES:
            self._frames[stream_id] = frame
