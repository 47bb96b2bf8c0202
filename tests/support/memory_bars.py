"""Stored bars in memory, as a sync server would store them: ticks are appended to a log, and stored some time later."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ticker_server.errors import DatabaseUnavailable
from ticker_server.model.bar import Bar, bar_of, merged
from ticker_server.model.bar_page import BarPage
from ticker_server.model.bar_span import MINUTE
from ticker_server.model.tick import AcceptedTick

__all__ = ["MemoryBars"]


class MemoryBars:
    """The bars of one stock. `before_read` is called before each read, so that a test can have ticks stored meanwhile."""

    def __init__(self) -> None:
        self.epoch = ""
        self.ordinal = 0
        self.synced_through = 0
        self.away = False
        self.limits: list[int] = []
        """The limit of each read so far."""
        self.before_read: Callable[[], None] = lambda: None
        self._bars: dict[int, Bar] = {}

    def begin(self, epoch: str) -> None:
        """Let a log epoch begin, in which sequences begin anew."""
        self.epoch, self.ordinal, self.synced_through = epoch, self.ordinal + 1, 0

    def store(self, *ticks: AcceptedTick) -> None:
        """Store ticks in the order of the log."""
        for tick in ticks:
            bar = bar_of(tick, self.ordinal, MINUTE)
            known = self._bars.get(bar.start)
            self._bars[bar.start] = bar if known is None else merged(known, bar)
            self.synced_through = tick.sequence

    async def read(self, _stock_id: str, start: int, end: int, limit: int) -> BarPage:
        """Return bars as a database does."""
        if self.away:
            raise DatabaseUnavailable("the database did not do its part; the call is safe to repeat")
        self.before_read()
        self.limits.append(limit)
        found = sorted(minute for minute in self._bars if start <= minute < end)[:limit]
        return BarPage(self._chosen(found), self.epoch, self.synced_through, self.ordinal)

    def _chosen(self, minutes: Sequence[int]) -> Sequence[Bar]:
        return [self._bars[minute] for minute in minutes]
