"""One call of publish, and what became of each of its ticks."""

from __future__ import annotations

import asyncio

from ticker_server.feed.log import Outcome, Published

__all__ = ["DUPLICATE", "UNKNOWN", "Call"]

DUPLICATE = Published(Outcome.DUPLICATE)
UNKNOWN = Published(Outcome.UNKNOWN)


class Call:
    """The outcomes of a call's ticks, as they come; whoever waits for them may have given up.

    `handed_over` counts the ticks that a producer has, `settled` is set once every tick has its outcome.
    """

    def __init__(self, count: int) -> None:
        self.handed_over = 0
        self.settled = asyncio.Event()
        self._published = [UNKNOWN] * count
        self._open = count
        self._refused = 0
        if not count:
            self.settled.set()

    @property
    def is_refused(self) -> bool:
        """Whether every tick was refused: none was written, and none will be."""
        return 0 < self._refused == len(self._published)

    def settle(self, index: int, published: Published) -> None:
        """Note the outcome of a tick."""
        self._published[index] = published
        self._open -= 1
        if not self._open:
            self.settled.set()

    def fail(self, index: int, *, is_refused: bool) -> None:
        """Note that a tick was not acknowledged; refused is what is certain not to have been written."""
        self._refused += is_refused
        self.settle(index, UNKNOWN)

    def outcomes(self) -> list[Published]:
        """Return the outcome of each tick as it is now: UNKNOWN for what has none yet."""
        return list(self._published)
