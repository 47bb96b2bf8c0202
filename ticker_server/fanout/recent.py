"""The ticks that came last, of all stocks, for readers that come back after a short break."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence

from ticker_server.model.partition import home_partition
from ticker_server.model.tick import AcceptedTick

__all__ = ["RecentTicks"]


class RecentTicks:
    """The last `limit` ticks. Of each stock they are the newest ones, without a hole."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._order: deque[AcceptedTick] = deque()
        self._by_stock: dict[str, deque[AcceptedTick]] = {}
        self._partitions = 1
        self._floors: dict[int, int] = {}

    def begin(self, partitions: int, floors: Mapping[int, int]) -> None:
        """Note how many partitions the log has, and up to which sequence of each some ticks were never added."""
        self._partitions = partitions
        self._floors = dict(floors)

    def add(self, tick: AcceptedTick) -> None:
        """Keep a tick; the oldest one of all is forgotten for it."""
        ticks = self._by_stock.get(tick.stock_id)
        if ticks is None:
            ticks = self._by_stock[tick.stock_id] = deque()
        ticks.append(tick)
        self._order.append(tick)
        if len(self._order) > self._limit:
            self._forget(self._order.popleft())

    def after(self, stock_id: str, sequence: int) -> Sequence[AcceptedTick]:
        """Return the ticks of a stock above a sequence, in order, as far back as they are kept."""
        found: deque[AcceptedTick] = deque()
        for tick in reversed(self._by_stock.get(stock_id, ())):
            if tick.sequence <= sequence:
                break
            found.appendleft(tick)
        return found

    def floor(self, partition: int) -> int:
        """Return the sequence above which every tick of a partition that was added is kept."""
        return self._floors.get(partition, 0)

    def follows(self, stock_id: str, sequence: int, tick_number: int) -> bool:
        """Tell whether every tick of a stock above a sequence is kept; the number of the tick there may tell, if known."""
        if self.floor(self.home(stock_id)) <= sequence:
            return True
        ticks = self._by_stock.get(stock_id)
        if ticks is None:
            return False
        counts = tick_number or not sequence
        return ticks[0].sequence <= sequence or bool(counts and 0 < ticks[0].tick_number <= tick_number + 1)

    def home(self, stock_id: str) -> int:
        """Return the home partition of a stock."""
        return home_partition(stock_id, self._partitions)

    def _forget(self, oldest: AcceptedTick) -> None:
        stock_id = oldest.stock_id
        of_stock = self._by_stock[stock_id]
        of_stock.popleft()
        if not of_stock:
            del self._by_stock[stock_id]
        home = self.home(stock_id)
        if oldest.sequence > self._floors.get(home, 0):  # the newest ticks of a start come before all others
            self._floors[home] = oldest.sequence
