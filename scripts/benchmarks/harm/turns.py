"""How long the event loop works without a pause, in CPU time: what else the machine does is left out."""

from __future__ import annotations

import asyncio
import time

__all__ = ["Turns"]

_SECONDS = 0.001


class Turns:
    """Looks at the CPU clock of the loop's thread from a timer that is due every millisecond."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._longest = 0.0
        self._last = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin to look."""
        self._longest = 0.0
        self._last = time.thread_time()
        self._timer = self._loop.call_later(_SECONDS, self._look)

    def stop(self) -> float:
        """Look no longer, and return the most CPU seconds that were used while the timer waited."""
        assert self._timer is not None
        self._timer.cancel()
        return self._longest

    def _look(self) -> None:
        now = time.thread_time()
        self._longest = max(self._longest, now - self._last)
        self._last = now
        self._timer = self._loop.call_later(_SECONDS, self._look)
