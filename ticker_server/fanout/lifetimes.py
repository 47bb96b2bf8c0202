"""How long streams last before they are ended, so that readers spread over the servers there are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Lifetimes"]

_AGE_SPREAD = 0.2
_RECONNECT_SPREAD = 1_000_000_000
"""A reader whose stream ended by its age is told to come back at a random moment of this span (nanoseconds)."""


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """The ages at which streams end: each at `age` nanoseconds, give or take a fifth; 0 = they last for ever.

    `draw` returns a number from 0 up to 1, another one each time, so that streams that were opened together do not
    end together.
    """

    age: int = 0
    draw: Callable[[], float] = lambda: 0.5

    def draw_age(self) -> int | None:
        """Return the age at which one stream ends, in nanoseconds; None if never."""
        return round(self.age * (1 + _AGE_SPREAD * (2 * self.draw() - 1))) or None

    def draw_reconnect_after(self) -> int:
        """Return how long the reader of one stream that ended by its age waits before it comes back, in nanoseconds."""
        return int(_RECONNECT_SPREAD * self.draw())
