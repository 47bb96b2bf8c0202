"""Finding a stock that another gateway may have made just now."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from ticker_server.catalog.directory import StockDirectory
from ticker_server.clock import Clock
from ticker_server.errors import DatabaseUnavailable, StockNotFound
from ticker_server.model.stock import Stock

__all__ = ["StockFinder"]

_MISSING_FOR = 250_000_000
"""So long a stock that the database does not have is not asked for again (nanoseconds)."""

_MAX_MISSING = 10_000


class StockFinder:
    """Looks in the directory first, and on a miss in the database.

    Changes of other gateways take some milliseconds to arrive. Whoever makes a stock through one gateway and uses it
    through another must not be told that it does not exist. A stock that nobody made costs a query now and then;
    while the database is away, what the directory does not have does not exist.
    """

    def __init__(self, directory: StockDirectory, get_stock: Callable[[str], Awaitable[Stock]], clock: Clock) -> None:
        self._directory = directory
        self._get_stock = get_stock
        self._clock = clock
        self._missing: dict[str, int] = {}

    async def find(self, stock_id: str) -> Stock | None:
        """Return a listed stock; None if there is none."""
        stock = self._directory.get(stock_id)
        if stock is not None or self._is_missing(stock_id):
            return stock
        try:
            return await self._get_stock(stock_id)
        except (StockNotFound, DatabaseUnavailable):
            self._note_missing(stock_id)
            # It may have arrived meanwhile.
            return self._directory.get(stock_id)

    def _is_missing(self, stock_id: str) -> bool:
        return self._missing.get(stock_id, 0) > self._clock.monotonic()

    def _note_missing(self, stock_id: str) -> None:
        if len(self._missing) >= _MAX_MISSING:
            self._missing.clear()
        self._missing[stock_id] = self._clock.monotonic() + _MISSING_FOR
