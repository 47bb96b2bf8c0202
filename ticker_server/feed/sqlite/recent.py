"""The newest ticks of the embedded price log, in memory for its readers."""

from __future__ import annotations

from collections.abc import Sequence

from ticker_server.model.tick import AcceptedTick

__all__ = ["RecentTicks"]


class RecentTicks:
    """At least the last `kept` ticks that were added, at most twice as many; their sequences have no holes."""

    def __init__(self, kept: int) -> None:
        self._kept = kept
        self._ticks: list[AcceptedTick] = []

    def add(self, ticks: Sequence[AcceptedTick]) -> None:
        """Keep ticks that follow what is kept; after a hole, what is before it is forgotten."""
        if self._ticks and ticks and ticks[0].sequence != self._ticks[-1].sequence + 1:
            self._ticks.clear()
        self._ticks.extend(ticks)
        if len(self._ticks) > 2 * self._kept:
            del self._ticks[: -self._kept]

    def after(self, sequence: int, limit: int) -> Sequence[AcceptedTick] | None:
        """Return up to `limit` ticks above a sequence, in order; None if some of them are not in memory."""
        if not self._ticks or sequence + 1 < self._ticks[0].sequence:
            return None
        start = sequence + 1 - self._ticks[0].sequence
        return self._ticks[start : start + limit]
