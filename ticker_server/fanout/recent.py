"""The ticks that came last, of all stocks, for readers that come back after a short break."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence

from ticker_server.model.partition import home_partition
from ticker_server.model.tick import AcceptedTick

__all__ = ["RecentTicks"]


class _OfStock:
    """The kept ticks of one stock, and its home partition."""

    __slots__ = ("home", "ticks")

    def __init__(self, home: int) -> None:
        self.home = home
        self.ticks: deque[AcceptedTick] = deque()


class RecentTicks:
    """The last `limit` ticks. Of each stock they are the newest ones, without a hole."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._order: deque[AcceptedTick] = deque()
        self._by_stock: dict[str, _OfStock] = {}
        self._partitions = 1
        self._floors: dict[int, int] = {0: 0}

    def begin(self, partitions: int, floors: Mapping[int, int]) -> None:
        """Note how many partitions the log has, and up to which sequence of each some ticks were never added."""
        self._partitions = partitions
        self._floors = {partition: floors.get(partition, 0) for partition in range(partitions)}

    def add(self, tick: AcceptedTick) -> None:
        """Keep a tick; the oldest one of all is forgotten for it."""
        stock_id = tick.stock_id
        of_stock = self._by_stock.get(stock_id)
        if of_stock is None:
            of_stock = self._by_stock[stock_id] = _OfStock(self.home(stock_id))
        of_stock.ticks.append(tick)
        order = self._order
        order.append(tick)
        if len(order) > self._limit:
            oldest = order.popleft()
            of_stock = self._by_stock[oldest.stock_id]
            of_stock.ticks.popleft()
            if not of_stock.ticks:
                del self._by_stock[oldest.stock_id]
            # The newest ticks of a start come before all others. A call of `max` would take longer, at every tick.
            if oldest.sequence > self._floors[of_stock.home]:  # noqa: PLR1730
                self._floors[of_stock.home] = oldest.sequence

    def after(self, stock_id: str, sequence: int) -> Sequence[AcceptedTick]:
        """Return the ticks of a stock above a sequence, in order, as far back as they are kept."""
        found: deque[AcceptedTick] = deque()
        of_stock = self._by_stock.get(stock_id)
        for tick in reversed(of_stock.ticks) if of_stock is not None else ():
            if tick.sequence <= sequence:
                break
            found.appendleft(tick)
        return found

    def floor(self, partition: int) -> int:
        """Return the sequence above which every tick of a partition that was added is kept."""
        return self._floors[partition]

    def follows(self, stock_id: str, sequence: int, tick_number: int) -> bool:
        """Tell whether every tick of a stock above a sequence is kept; the number of the tick there may tell, if known."""
        if self.floor(self.home(stock_id)) <= sequence:
            return True
        of_stock = self._by_stock.get(stock_id)
        if of_stock is None:
            return False
        oldest = of_stock.ticks[0]
        counts = tick_number or not sequence
        return oldest.sequence <= sequence or bool(counts and 0 < oldest.tick_number <= tick_number + 1)

    def home(self, stock_id: str) -> int:
        """Return the home partition of a stock."""
        return home_partition(stock_id, self._partitions)
