"""What CreateStock does: a new stock, the one that exists, or a deleted one again."""

from __future__ import annotations

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
    newest_sequence: int,
    log_epoch: str,
) -> Stock:
    """Store a stock and return it; return the stored one where it exists with the same content.

    `compared` names the fields (`name`, `currency`) that the caller asked for; the others take their defaults for a
    new stock and what is stored otherwise. `newest_sequence` is the newest known one of this stock in the epoch
    `log_epoch` of the price log, 0 for none; where it was deleted before, what is not above it stays hidden.

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
        stock = replace(
            _hiding(stored.stock, newest_sequence, log_epoch), name=stock.name, create_time=stock.create_time
        )
        await repository.stocks.replace(stock)
    await repository.outbox.append([StockCreated(stock, NO_REVISION)])
    return stock


def _hiding(stored: Stock, newest_sequence: int, log_epoch: str) -> Stock:
    """Return the stock with what it has to hide now; what it hid stays hidden where nothing newer is known."""
    if newest_sequence == 0 or stored.hides(newest_sequence, log_epoch):
        return stored
    return replace(stored, hidden_through=newest_sequence, hidden_epoch=log_epoch)


def _refuse_differences(stored: StoredStock, wanted: Stock, compared: frozenset[str]) -> None:
    differences = []
    if "name" in compared and stored.stock.name != wanted.name:
        differences.append(f"name {shown(stored.stock.name)}, not {shown(wanted.name)}")
    if "currency" in compared and stored.stock.currency != wanted.currency:
        kept = "" if stored.listed else " (it was deleted, but keeps its currency)"
        differences.append(f"currency {stored.stock.currency}{kept}, not {shown(wanted.currency)}")
    if differences:
        raise StockAlreadyExists(stored.stock.stock_id, " and ".join(differences))
