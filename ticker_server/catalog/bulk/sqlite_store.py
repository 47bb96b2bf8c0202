"""An import into SQLite: keys go through a temporary table, and rows are written one after the other."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from sqlalchemy import Connection

from ticker_server.catalog.bulk.merging import Alteration
from ticker_server.catalog.bulk.store import BulkStore, subscriptions_by_key
from ticker_server.catalog.bulk.values import SUBSCRIPTION_COLUMNS, row_values
from ticker_server.catalog.subscription_table import Key
from ticker_server.model.subscription import Subscription

__all__ = ["SqliteStore"]

_COLUMNS = ", ".join(SUBSCRIPTION_COLUMNS)
_WRITE = (
    f"INSERT INTO user_stock_subscription (revision, {_COLUMNS})"  # noqa: S608 - made of constants
    f" VALUES (?, {', '.join('?' for _ in SUBSCRIPTION_COLUMNS)}) ON CONFLICT (user_id, stock_id) DO UPDATE SET "
    + ", ".join(f"{column} = excluded.{column}" for column in ("revision", *SUBSCRIPTION_COLUMNS[2:]))
)


class SqliteStore(BulkStore):
    """Nobody serves the file meanwhile: there is nothing to lock, and no open watch to be told of changes.

    So revisions are taken from the outbox's sequence, and nothing is put into the outbox.
    """

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        connection.exec_driver_sql("CREATE TEMP TABLE IF NOT EXISTS ticker_import (user_id TEXT, stock_id TEXT)")

    def insert_users(self, user_ids: Sequence[str], now: int) -> int:
        """Store the users that are not stored yet; return how many."""
        statement = 'INSERT INTO "user" (user_id, create_time_ns) VALUES (?, ?) ON CONFLICT DO NOTHING'
        return self._connection.exec_driver_sql(statement, [(user_id, now) for user_id in user_ids]).rowcount

    def lock_users(self, user_ids: Sequence[str], now: int) -> None:
        """Store the users that are missing."""
        self.insert_users(user_ids, now)

    def listed(self, stock_ids: Collection[str]) -> set[str]:
        """Return which of the stocks exist."""
        self._stage(("", stock_id) for stock_id in stock_ids)
        statement = "SELECT stock_id FROM stock JOIN ticker_import USING (stock_id) WHERE delete_time_ns IS NULL"
        return set(self._connection.exec_driver_sql(statement).scalars())

    def keep_listed(self, stock_ids: Collection[str]) -> set[str]:
        """Return which of the stocks exist."""
        return self.listed(stock_ids)

    def stored(self, keys: Collection[Key]) -> dict[Key, Subscription]:
        """Return those of the subscriptions that exist."""
        self._stage(keys)
        statement = (
            "SELECT s.* FROM ticker_import CROSS JOIN user_stock_subscription s USING (user_id, stock_id)"
            " JOIN stock k USING (stock_id) WHERE s.revision > k.ended_through"
        )
        return subscriptions_by_key(self._connection.exec_driver_sql(statement).all())

    def count(self, user_ids: Collection[str]) -> dict[str, int]:
        """Return how many subscriptions each user has; users without any are left out."""
        self._stage((user_id, "") for user_id in user_ids)
        statement = (
            "SELECT s.user_id, count(*) AS subscriptions"
            " FROM ticker_import CROSS JOIN user_stock_subscription s USING (user_id)"
            " JOIN stock k ON k.stock_id = s.stock_id WHERE s.revision > k.ended_through GROUP BY s.user_id"
        )
        return {row.user_id: row.subscriptions for row in self._connection.exec_driver_sql(statement)}

    def write(self, alterations: Sequence[Alteration], now: int) -> None:
        """Store subscriptions with new revisions."""
        first = self._take_revisions(len(alterations))
        rows = [
            (revision, *row_values(alteration, now)[:-1])
            for revision, alteration in enumerate(alterations, start=first)
        ]
        self._connection.exec_driver_sql(_WRITE, rows)

    def backlog(self, limit: int) -> int:
        """Return 0: nobody serves this file meanwhile."""
        del limit
        return 0

    def _take_revisions(self, count: int) -> int:
        """Return the first of so many revisions that nobody else gets."""
        newest = self._connection.exec_driver_sql("SELECT seq FROM sqlite_sequence WHERE name = 'outbox'").scalar()
        if newest is None:  # nothing was ever put into the outbox
            self._connection.exec_driver_sql("INSERT INTO sqlite_sequence (name, seq) VALUES ('outbox', ?)", (count,))
            return 1
        taken = int(newest) + count
        self._connection.exec_driver_sql("UPDATE sqlite_sequence SET seq = ? WHERE name = 'outbox'", (taken,))
        return int(newest) + 1

    def _stage(self, keys: Iterable[Key]) -> None:
        self._connection.exec_driver_sql("DELETE FROM ticker_import")
        self._connection.exec_driver_sql("INSERT INTO ticker_import VALUES (?, ?)", list(keys))
