"""Stocks, users and subscriptions: what is stored, how it is changed, and how the changes get out."""

from __future__ import annotations

from ticker_server.catalog.addition import AddedStock
from ticker_server.catalog.database import Database, DatabaseUnusable
from ticker_server.catalog.directory import StockDirectory
from ticker_server.catalog.engine import open_database, sqlite_url
from ticker_server.catalog.finder import StockFinder
from ticker_server.catalog.migrate import downgrade, upgrade
from ticker_server.catalog.outbox import OutboxRelay
from ticker_server.catalog.purge import Purge
from ticker_server.catalog.service import Catalog, RemovedStocks

__all__ = [
    "AddedStock",
    "Catalog",
    "Database",
    "DatabaseUnusable",
    "OutboxRelay",
    "Purge",
    "RemovedStocks",
    "StockDirectory",
    "StockFinder",
    "downgrade",
    "open_database",
    "sqlite_url",
    "upgrade",
]
