"""A clock that stands still until a test moves it."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count

SECOND = 1_000_000_000


def instant(text: str) -> int:
    """Return an ISO 8601 time with an offset as nanoseconds since the epoch."""
    return (datetime.fromisoformat(text) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000


@dataclass(order=True)
class VirtualTimer:
    """A call that is due at a monotonic deadline."""

    deadline: int
    order: int
    callback: Callable[[], None] = field(compare=False)
    cancelled: bool = field(default=False, compare=False)

    def cancel(self) -> None:
        """Forget the call."""
        self.cancelled = True


class VirtualClock:
    """Implements ticker_server.clock.Clock; `advance` runs what comes due, each call at its own moment."""

    def __init__(self, start: str = "2026-03-02T12:00:00+00:00") -> None:
        self._wall = instant(start)
        self._monotonic = 0
        self._timers: list[VirtualTimer] = []
        self._order = count()

    def wall(self) -> int:
        """Return the virtual wall time, nanoseconds since the epoch."""
        return self._wall

    def monotonic(self) -> int:
        """Return the virtual monotonic time, nanoseconds."""
        return self._monotonic

    def call_at(self, deadline: int, callback: Callable[[], None]) -> VirtualTimer:
        """Call back when the clock is advanced to a deadline."""
        timer = VirtualTimer(deadline, next(self._order), callback)
        heapq.heappush(self._timers, timer)
        return timer

    def advance(self, seconds: float) -> None:
        """Move both clocks forward and run what comes due on the way."""
        self.advance_ns(round(seconds * SECOND))

    def advance_ns(self, nanoseconds: int) -> None:
        """Move both clocks forward by nanoseconds and run what comes due on the way."""
        end = self._monotonic + nanoseconds
        while self._timers and self._timers[0].deadline <= end:
            timer = heapq.heappop(self._timers)
            if not timer.cancelled:
                self._go_to(max(timer.deadline, self._monotonic))
                timer.callback()
        self._go_to(end)

    def advance_to(self, text: str) -> None:
        """Move the wall clock forward to an ISO 8601 time, and the monotonic one by the same span."""
        self.advance_ns(instant(text) - self._wall)

    def set_wall(self, text: str) -> None:
        """Set the wall clock, as an operator would; the monotonic clock does not move."""
        self._wall = instant(text)

    def _go_to(self, monotonic: int) -> None:
        self._wall += monotonic - self._monotonic
        self._monotonic = monotonic
