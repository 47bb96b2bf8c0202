"""The DATA of a stream cut into gRPC messages."""

from __future__ import annotations

__all__ = ["MessageBuffer"]

_PREFIX_BYTES = 5


class MessageBuffer:
    """Cuts the bytes of a stream into messages; `missing` tells whether one is incomplete."""

    def __init__(self) -> None:
        self._data = bytearray()

    @property
    def missing(self) -> bool:
        """Whether a message has begun and is not complete."""
        return bool(self._data)

    def take(self, data: bytes) -> list[bytes]:
        """Return the messages that are complete with these bytes."""
        self._data += data
        messages, at = [], 0
        while len(self._data) - at >= _PREFIX_BYTES:
            assert self._data[at] == 0, "a message that is said to be compressed"
            end = at + _PREFIX_BYTES + int.from_bytes(self._data[at + 1 : at + _PREFIX_BYTES])
            if end > len(self._data):
                break
            messages.append(bytes(self._data[at + _PREFIX_BYTES : end]))
            at = end
        del self._data[:at]
        return messages
