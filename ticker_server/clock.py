"""The clock that is handed to every part that needs the time, so that tests can hand in a virtual one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

__all__ = ["Clock", "SystemClock", "Timer"]

_MILLISECOND = 1_000_000


class Timer(Protocol):
    """A call that is due later."""

    def cancel(self) -> None:
        """Forget the call; nothing happens if it was made already."""


class Clock(Protocol):
    """Wall time for what is told and scheduled, monotonic time for durations, both in nanoseconds."""

    def wall(self) -> int:
        """Return nanoseconds since the Unix epoch."""

    def monotonic(self) -> int:
        """Return nanoseconds of a clock that never goes back."""

    def call_at(self, deadline: int, callback: Callable[[], None]) -> Timer:
        """Call back in the event loop once `monotonic()` has reached the deadline."""


class SystemClock:
    """The machine's clock; timers run in the running event loop."""

    def wall(self) -> int:
        """Return nanoseconds since the Unix epoch."""
        return time.time_ns()

    def monotonic(self) -> int:
        """Return nanoseconds of the machine's monotonic clock."""
        return time.monotonic_ns()

    def call_at(self, deadline: int, callback: Callable[[], None]) -> Timer:
        """Call back in the running loop at a monotonic deadline, up to a millisecond late and never early.

        uvloop rounds a delay to milliseconds, so one that is not whole may end early. What finds nothing due then asks
        again for the rest, which is rounded to nothing: a loop that spins until the deadline.
        """
        milliseconds = -((time.monotonic_ns() - deadline) // _MILLISECOND)
        return asyncio.get_running_loop().call_later(max(0, milliseconds) / 1000, callback)
