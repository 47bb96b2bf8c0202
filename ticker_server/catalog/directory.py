"""The listed stocks as this gateway knows them, in memory: what publishing and watching ask, without a database."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator

from ticker_server.model.change import Change, StockCreated, StockDeleted, StockRenamed
from ticker_server.model.stock import Stock

__all__ = ["StockDirectory"]


class StockDirectory:
    """A map from stock id to stock that is ordered by id.

    Changes may come twice and by two ways (right after a commit, and through the outbox): one whose revision is not
    above the last one of its stock is ignored, so a late repeat does not bring back a deleted stock.
    """

    def __init__(self) -> None:
        self._stocks: dict[str, Stock] = {}
        self._ids: list[str] = []
        self._revisions: dict[str, int] = {}

    def get(self, stock_id: str) -> Stock | None:
        """Return a listed stock."""
        return self._stocks.get(stock_id)

    def revision(self, stock_id: str) -> int:
        """Return the revision of a stock's last change that this directory has seen; 0 for none."""
        return self._revisions.get(stock_id, 0)

    def __contains__(self, stock_id: object) -> bool:
        return stock_id in self._stocks

    def __len__(self) -> int:
        return len(self._ids)

    def __iter__(self) -> Iterator[str]:
        """Go through the ids in order, as they are now: what changes meanwhile is not seen."""
        return iter(tuple(self._ids))

    def values(self) -> list[Stock]:
        """Return the stocks in the order of their ids."""
        return [self._stocks[stock_id] for stock_id in self._ids]

    def after(self, stock_id: str, limit: int) -> list[Stock]:
        """Return at most `limit` stocks above an id, in the order of their ids."""
        first = bisect_right(self._ids, stock_id)
        return [self._stocks[each] for each in self._ids[first : first + limit]]

    def load(self, stocks: Iterable[Stock]) -> None:
        """Know these stocks and no others."""
        self._stocks = {stock.stock_id: stock for stock in stocks}
        self._ids = sorted(self._stocks)

    def apply(self, change: Change) -> None:
        """Follow a change of a stock; changes of users and subscriptions are ignored."""
        match change:
            case StockCreated(stock=stock) | StockRenamed(stock=stock):
                if self._is_news(stock.stock_id, change.revision):
                    self._put(stock)
            case StockDeleted(stock_id=stock_id):
                if self._is_news(stock_id, change.revision):
                    self._drop(stock_id)
            case _:
                pass

    def _is_news(self, stock_id: str, revision: int) -> bool:
        if revision <= self._revisions.get(stock_id, 0):
            return False
        self._revisions[stock_id] = revision
        return True

    def _put(self, stock: Stock) -> None:
        if stock.stock_id not in self._stocks:
            insort(self._ids, stock.stock_id)
        self._stocks[stock.stock_id] = stock

    def _drop(self, stock_id: str) -> None:
        if self._stocks.pop(stock_id, None) is not None:
            del self._ids[bisect_left(self._ids, stock_id)]
