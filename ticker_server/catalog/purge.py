"""The removal of what ended with its stock, after the stock's deletion."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NoReturn

from ticker_server.catalog.database import Database
from ticker_server.catalog.subscription_table import SubscriptionTable
from ticker_server.catalog.sweeping import Sweep
from ticker_server.model.change import Change, StockDeleted

__all__ = ["Purge"]

_SWEEP_SECONDS = 60.0
_CHUNK = 5000
"""Rows per transaction: well within a statement's time, and a short turn where there is one writer."""


class Purge:
    """Removes the rows of subscriptions that ended with their stock, little by little.

    Nobody reads those rows any more, so it does not matter when this happens, which process does it, whether several
    do, or whether one dies in the middle: what is left is found by the next sweep, from the tables alone.
    """

    def __init__(self, database: Database, *, sweep_seconds: float = _SWEEP_SECONDS, chunk: int = _CHUNK) -> None:
        self._database = database
        self._chunk = chunk
        self._sweep = Sweep("purge of ended subscriptions", self._purge_all, seconds=sweep_seconds)

    def follow(self, changes: Iterable[Change]) -> None:
        """Begin at once where a stock was deleted; for what this process has committed."""
        if any(isinstance(change, StockDeleted) for change in changes):
            self._sweep.nudge()

    async def run(self) -> NoReturn:
        """Purge at the start, after deletions and every minute, until cancelled; a failure is logged and retried."""
        await self._sweep.run()

    async def purge(self) -> int:
        """Remove what there is now, but for rows that someone is writing; return how many rows."""
        removed = 0
        for stock_id in await self._database.complete(self._stocks()):
            while removed_now := await self._database.complete(self._remove_some(stock_id)):
                removed += removed_now
        return removed

    async def _purge_all(self) -> bool:
        await self.purge()
        return True

    async def _stocks(self) -> list[str]:
        async with self._database.reading() as connection:
            return await SubscriptionTable(connection).stocks_with_ended()

    async def _remove_some(self, stock_id: str) -> int:
        async with self._database.writing() as connection:
            return await SubscriptionTable(connection).delete_ended(stock_id, self._chunk)
