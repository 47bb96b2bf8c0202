"""The only queue of a watch: the ticks that an every-tick reader has still to get. Bounded, with a policy."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from ticker_server.model.tick import AcceptedTick

__all__ = ["PendingTicks"]


class PendingTicks:
    """Ticks in the order they came, each one; beyond the limit the newest per stock, until the reader has caught up.

    While conflated a stock keeps its place: a re-put moves only its tick forward, so no stock starves. It then holds
    at most one tick per stock, which may be more than the limit if the reader follows more stocks than that.
    `overflowed` tells whether the limit was ever passed.
    """

    __slots__ = ("_conflated", "_exact", "_lagging", "_limit", "overflowed")

    def __init__(self, limit: int) -> None:
        self.overflowed = False
        self._limit = limit
        self._exact: list[AcceptedTick] = []
        # Not a dict: taking from its front again and again is quadratic.
        self._conflated: OrderedDict[str, AcceptedTick] | None = None
        # The stocks of which ticks were replaced.
        self._lagging: set[str] = set()

    def __len__(self) -> int:
        return len(self._exact) if self._conflated is None else len(self._conflated)

    @property
    def oldest_accept_time(self) -> int | None:
        """The earliest accept time of what is pending (nanoseconds since the epoch); None if nothing is."""
        ticks = self._exact if self._conflated is None else self._conflated.values()
        return min((tick.accept_time for tick in ticks), default=None)

    def put(self, tick: AcceptedTick) -> None:
        """Add a tick; its sequence is above those of the same stock put before."""
        if self._conflated is not None:
            self._conflate(tick)
        elif len(self._exact) < self._limit:
            self._exact.append(tick)
        else:
            self.overflowed = True
            self._conflated = OrderedDict()
            for waiting in (*self._exact, tick):
                self._conflate(waiting)
            self._exact.clear()

    def drain(self, offer: Callable[[AcceptedTick, bool], bool]) -> None:
        """Offer what is pending, in order, until all is taken or one is refused; that one and the rest stay.

        Each tick is offered with whether it has replaced others of its stock.
        """
        if self._conflated is None:
            taken = 0
            for tick in self._exact:
                if not offer(tick, False):
                    break
                taken += 1
            del self._exact[:taken]
            return
        while self._conflated:
            stock_id, tick = next(iter(self._conflated.items()))
            if not offer(tick, stock_id in self._lagging):
                break
            del self._conflated[stock_id]
            self._lagging.discard(stock_id)
        self._conflated = self._conflated or None

    def drop(self, stock_id: str) -> None:
        """Forget what is pending of one stock, because it is not to be sent (any more)."""
        if self._conflated is None:
            self._exact = [tick for tick in self._exact if tick.stock_id != stock_id]
        else:
            self._conflated.pop(stock_id, None)
            self._lagging.discard(stock_id)
            self._conflated = self._conflated or None

    def _conflate(self, tick: AcceptedTick) -> None:
        assert self._conflated is not None
        if tick.stock_id in self._conflated:
            self._lagging.add(tick.stock_id)
        self._conflated[tick.stock_id] = tick
