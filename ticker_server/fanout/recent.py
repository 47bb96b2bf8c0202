"""The ticks that came last, of all stocks, for readers that come back after a short break."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from ticker_server.model.tick import AcceptedTick

__all__ = ["RecentTicks"]


class RecentTicks:
    """The last `limit` ticks. Of each stock they are the newest ones, without a hole."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._order: deque[AcceptedTick] = deque()
        self._by_stock: dict[str, deque[AcceptedTick]] = {}

    def add(self, tick: AcceptedTick) -> None:
        """Keep a tick; the oldest one of all is forgotten for it."""
        ticks = self._by_stock.get(tick.stock_id)
        if ticks is None:
            ticks = self._by_stock[tick.stock_id] = deque()
        ticks.append(tick)
        self._order.append(tick)
        if len(self._order) > self._limit:
            oldest = self._order.popleft().stock_id
            of_oldest = self._by_stock[oldest]
            of_oldest.popleft()
            if not of_oldest:
                del self._by_stock[oldest]

    def after(self, stock_id: str, sequence: int) -> Sequence[AcceptedTick]:
        """Return the ticks of a stock above a sequence, in order, as far back as they are kept."""
        found: deque[AcceptedTick] = deque()
        for tick in reversed(self._by_stock.get(stock_id, ())):
            if tick.sequence <= sequence:
                break
            found.appendleft(tick)
        return found

    def reaches(self, stock_id: str, sequence: int) -> bool:
        """Tell whether nothing of a stock above a sequence was forgotten, as far as can be seen here."""
        ticks = self._by_stock.get(stock_id)
        return ticks is not None and ticks[0].sequence <= sequence
