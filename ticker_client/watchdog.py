"""A watchdog over the silence of a watch."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Protocol

__all__ = ["CallLater", "Timer", "Watchdog"]


class Timer(Protocol):
    """A call that is due later."""

    def cancel(self) -> None:
        """Forget the call."""


CallLater = Callable[[float, Callable[[], None]], Timer]
"""Calls back in so many seconds, as the `call_later` of an event loop does."""


class Watchdog:
    """Barks when the server was silent for longer than it promised.

    The promise is measured in slices, and a slice counts when its timer fires. So a program that blocks its own event
    loop for a minute loses one slice, not its watch: what came meanwhile is read before the next slice is over.
    The bark comes between one and 1 + 1/SLICES times the promise after the last sign of life.
    """

    SLICES = 32

    def __init__(
        self,
        call_later: CallLater,
        bark: Callable[[timedelta], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._call_later = call_later
        self._bark = bark
        self._clock = clock
        self._due = 0.0
        self._promise = timedelta()
        self._silent_slices = 0
        self._timer: Timer | None = None

    def alive(self, promise: timedelta) -> None:
        """Note a sign of life, and for how long there may be none from now on. The first one starts the watchdog."""
        self._silent_slices = 0
        if promise != self._promise:
            self.stop()
            self._promise = promise
            self._due = self._clock()
            self._next_slice()

    def stop(self) -> None:
        """Never bark again, unless there is another sign of life."""
        self._promise = timedelta()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _next_slice(self) -> None:
        """Wait for a slice, less what the timer before was late, unless that was a slice or more."""
        now, length = self._clock(), self._promise.total_seconds() / self.SLICES
        late = now - self._due
        delay = length - late if 0 < late < length else length
        self._due = now + delay
        self._timer = self._call_later(delay, self._slice_is_over)

    def _slice_is_over(self) -> None:
        self._silent_slices += 1
        if self._silent_slices > self.SLICES:
            self._timer = None
            self._bark(self._promise)
        else:
            self._next_slice()
