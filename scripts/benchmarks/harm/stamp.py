"""Messages that say when they were made, by the clock that all processes of a machine share."""

from __future__ import annotations

import time

__all__ = ["lateness", "stamped"]

_BYTES = 8


def stamped(size: int) -> bytes:
    """Return a message of so many bytes."""
    return time.monotonic_ns().to_bytes(_BYTES) + bytes(size - _BYTES)


def lateness(message: bytes) -> float:
    """Return how many seconds ago a message was made."""
    return (time.monotonic_ns() - int.from_bytes(message[:_BYTES])) / 1e9
