"""Kafka's flexible encoding (KIP-482), as far as this package needs it: how requests are put together and answers read.

aiokafka stops at the versions of Kafka's requests before topic ids came into them. What this package asks by topic id
is therefore put together here; aiokafka carries it.
"""

from __future__ import annotations

import struct
from io import BytesIO
from typing import Any

__all__ = ["NO_TAGS", "Frame", "array", "compact", "varint"]

NO_TAGS = b"\x00"
"""No tagged fields."""


def varint(number: int) -> bytes:
    """Return a number of 0 to 2**32 - 1 as an unsigned varint."""
    parts = bytearray()
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    parts.append(number)
    return bytes(parts)


def compact(data: bytes | None) -> bytes:
    """Return bytes, or the bytes of a string, behind their length; None is the null of both."""
    return varint(0) if data is None else varint(len(data) + 1) + data


def array(items: list[bytes]) -> bytes:
    """Return encoded items behind their number."""
    return varint(len(items) + 1) + b"".join(items)


class Frame:
    """An answer, read from the front. Raises struct.error or IndexError where it ends too early."""

    def __init__(self, data: BytesIO) -> None:
        self._data = data.read()
        self._at = 0

    def unpack(self, layout: struct.Struct) -> tuple[Any, ...]:
        """Return fields of fixed length."""
        fields = layout.unpack_from(self._data, self._at)
        self._at += layout.size
        return fields

    def varint(self) -> int:
        """Return an unsigned varint."""
        number = shift = 0
        while True:
            byte = self._data[self._at]
            self._at += 1
            number |= (byte & 0x7F) << shift
            if byte < 0x80:
                return number
            shift += 7

    def length(self) -> int:
        """Return how many items or bytes follow; 0 also for null."""
        return max(0, self.varint() - 1)

    def data(self) -> bytes:
        """Return bytes; empty for null."""
        return self.data_of(self.length())

    def data_of(self, length: int) -> bytes:
        """Return so many bytes."""
        start = self._at
        self._at += length
        if self._at > len(self._data):
            raise IndexError("the answer ends too early")
        return self._data[start : self._at]

    def text(self) -> str:
        """Return a string; empty for null."""
        return self.data().decode()

    def skip_tags(self) -> None:
        """Pass over tagged fields."""
        for _ in range(self.varint()):
            self.varint()
            self.data_of(self.varint())
