"""What CreateStock does: a new stock, the one that exists, or a deleted one again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ticker_server.catalog.outbox_table import NO_REVISION
from ticker_server.catalog.repository import Repository
from ticker_server.catalog.stock_table import StoredStock
from ticker_server.errors import StockAlreadyExists, shown
from ticker_server.model.change import StockCreated
from ticker_server.model.stock import Stock

__all__ = ["create_stock"]


async def create_stock(
    repository: Repository,
    stock: Stock,
    *,
    compared: frozenset[str],
    newest_sequence: Callable[[str], int],
) -> Stock:
    """Store a stock and return it; return the stored one where it exists with the same content.

    `compared` names the fields (`name`, `currency`) that the caller asked for; the others take their defaults for a
    new stock and what is stored otherwise.

    Raises:
        StockAlreadyExists: It exists, or existed, with other content.
    """
    if not await repository.stocks.insert(stock):
        stored = await repository.stocks.lock(stock.stock_id)
        assert stored is not None, "stocks are never removed"
        if stored.listed:
            _refuse_differences(stored, stock, compared)
            return stored.stock
        _refuse_differences(stored, stock, compared & {"currency"})
        hidden_through = max(stored.stock.hidden_through, newest_sequence(stock.stock_id))
        stock = replace(stock, currency=stored.stock.currency, hidden_through=hidden_through)
        await repository.stocks.replace(stock)
    await repository.outbox.append([StockCreated(stock, NO_REVISION)])
    return stock


def _refuse_differences(stored: StoredStock, wanted: Stock, compared: frozenset[str]) -> None:
    differences = []
    if "name" in compared and stored.stock.name != wanted.name:
        differences.append(f"name {shown(stored.stock.name)}, not {shown(wanted.name)}")
    if "currency" in compared and stored.stock.currency != wanted.currency:
        kept = "" if stored.listed else " (it was deleted, but keeps its currency)"
        differences.append(f"currency {stored.stock.currency}{kept}, not {shown(wanted.currency)}")
    if differences:
        raise StockAlreadyExists(stored.stock.stock_id, " and ".join(differences))
