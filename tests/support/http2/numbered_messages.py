"""Messages that tell their number, and whether they are whole."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import pairwise

__all__ = ["LEAST_BYTES", "number_of", "numbered", "split"]

LEAST_BYTES = 8


def numbered(number: int, size: int) -> bytes:
    """Return the message of a number, `size` bytes long; what fills it belongs to that number alone."""
    return number.to_bytes(LEAST_BYTES) + hashlib.shake_128(number.to_bytes(LEAST_BYTES)).digest(size - LEAST_BYTES)


def number_of(message: bytes) -> int:
    """Return the number of a message; breaks if it is damaged."""
    number = int.from_bytes(message[:LEAST_BYTES])
    assert message == numbered(number, len(message)), f"message {number} is damaged"
    return number


def split(message: bytes, cuts: Sequence[int]) -> list[bytes]:
    """Return the parts of a message, cut at these places; equal places give an empty part."""
    places = [0, *sorted(cut % (len(message) + 1) for cut in cuts), len(message)]
    return [message[begin:end] for begin, end in pairwise(places)]
