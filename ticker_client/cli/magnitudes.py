"""Large numbers as people say them: `19.7M`, `850`."""

from __future__ import annotations

from decimal import Decimal

__all__ = ["magnitude_text"]

_FIRST_SHORTENED = 10_000
_MAGNITUDES = ((10**9, "B"), (10**6, "M"), (10**3, "K"))


def magnitude_text(number: Decimal) -> str:
    """Return a number that is not below zero with its unit from ten thousand on; a smaller one has all its digits."""
    for magnitude, unit in _MAGNITUDES:
        if number >= max(magnitude, _FIRST_SHORTENED):
            return f"{number / magnitude:.1f}{unit}"
    return f"{number:,f}"
