"""An import into PostgreSQL: rows go through COPY into a temporary table, and from there as a set where they belong."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, cast

import psycopg
from sqlalchemy import Connection

from ticker_server.catalog.bulk.merging import Alteration
from ticker_server.catalog.bulk.store import BulkStore, subscriptions_by_key
from ticker_server.catalog.bulk.values import OUTBOX_KIND, SUBSCRIPTION_COLUMNS, row_values
from ticker_server.catalog.subscription_table import Key
from ticker_server.model.subscription import Subscription

__all__ = ["PostgresStore"]

_COLUMNS = ", ".join(SUBSCRIPTION_COLUMNS)
_STAGE = f"COPY ticker_import ({_COLUMNS}, payload) FROM STDIN"
_WRITE = (
    f"INSERT INTO user_stock_subscription (revision, {_COLUMNS})"  # noqa: S608 - made of constants
    f" SELECT revision, {_COLUMNS} FROM ticker_import"
    " ON CONFLICT (user_id, stock_id) DO UPDATE SET "
    + ", ".join(f"{column} = excluded.{column}" for column in ("revision", *SUBSCRIPTION_COLUMNS[2:]))
)
_APPEND = (
    "INSERT INTO outbox (revision, kind, user_id, stock_id, payload) OVERRIDING SYSTEM VALUE"  # noqa: S608 - as above
    f" SELECT revision, '{OUTBOX_KIND}', user_id, stock_id, payload FROM ticker_import"
)


class PostgresStore(BulkStore):
    """Runs beside live gateways: a chunk locks its users and stocks as they do, and nothing else."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._create_stage()

    def insert_users(self, user_ids: Sequence[str], now: int) -> int:
        """Store the users that are not stored yet; return how many."""
        return len(self._inserted(user_ids, now))

    def lock_users(self, user_ids: Sequence[str], now: int) -> None:
        """Store the users that are missing, and lock the others."""
        missing = sorted(set(user_ids) - self._locked(user_ids))
        # Another transaction may insert them first; then there is something to lock.
        self._locked(sorted(set(missing) - self._inserted(missing, now)))

    def listed(self, stock_ids: Collection[str]) -> set[str]:
        """Return which of the stocks exist."""
        statement = "SELECT stock_id FROM stock WHERE delete_time_ns IS NULL AND stock_id = ANY(%(stocks)s)"
        return self._ids(statement, stocks=list(stock_ids))

    def keep_listed(self, stock_ids: Collection[str]) -> set[str]:
        """Return which of the stocks exist, and lock them against their deletion."""
        statement = (
            "SELECT stock_id FROM stock WHERE delete_time_ns IS NULL AND stock_id = ANY(%(stocks)s)"
            " ORDER BY stock_id FOR SHARE"
        )
        return self._ids(statement, stocks=list(stock_ids))

    def stored(self, keys: Collection[Key]) -> dict[Key, Subscription]:
        """Return those of the subscriptions that exist."""
        statement = (
            "SELECT s.* FROM unnest(%(users)s::text[], %(stocks)s::text[]) AS wanted (user_id, stock_id)"
            " JOIN user_stock_subscription s ON s.user_id = wanted.user_id AND s.stock_id = wanted.stock_id"
            " JOIN stock k ON k.stock_id = s.stock_id WHERE s.revision > k.ended_through"
        )
        users, stocks = [user_id for user_id, _ in keys], [stock_id for _, stock_id in keys]
        return subscriptions_by_key(
            self._connection.exec_driver_sql(statement, {"users": users, "stocks": stocks}).all()
        )

    def count(self, user_ids: Collection[str]) -> dict[str, int]:
        """Return how many subscriptions each user has; users without any are left out."""
        statement = (
            "SELECT s.user_id, count(*) AS subscriptions"
            " FROM user_stock_subscription s JOIN stock k ON k.stock_id = s.stock_id"
            " WHERE s.user_id = ANY(%(users)s) AND s.revision > k.ended_through GROUP BY s.user_id"
        )
        rows = self._connection.exec_driver_sql(statement, {"users": list(user_ids)})
        return {row.user_id: row.subscriptions for row in rows}

    def write(self, alterations: Sequence[Alteration], now: int) -> None:
        """Store subscriptions with new revisions, and the changes in the outbox."""
        driver = cast("psycopg.Connection[Any]", self._connection.connection.driver_connection)
        with driver.cursor() as cursor, cursor.copy(_STAGE) as copy:
            for alteration in alterations:
                copy.write_row(row_values(alteration, now))
        self._connection.exec_driver_sql(_WRITE)
        self._connection.exec_driver_sql(_APPEND)

    def backlog(self, limit: int) -> int:
        """Return how many changes are waiting in the outbox, counted up to a limit."""
        statement = "SELECT count(*) FROM (SELECT FROM outbox LIMIT %(limit)s) AS waiting"
        return int(self._connection.exec_driver_sql(statement, {"limit": limit}).scalar_one())

    def _create_stage(self) -> None:
        """Make the table that holds the rows of a chunk; it gives them their revisions, in the order they come."""
        sequence = self._connection.exec_driver_sql("SELECT pg_get_serial_sequence('outbox', 'revision')").scalar_one()
        self._connection.exec_driver_sql(
            "CREATE TEMP TABLE ticker_import (LIKE user_stock_subscription, payload text) ON COMMIT DELETE ROWS"
        )
        self._connection.exec_driver_sql(
            f"ALTER TABLE ticker_import ALTER COLUMN revision SET DEFAULT nextval('{sequence}')"
        )

    def _locked(self, user_ids: Sequence[str]) -> set[str]:
        statement = 'SELECT user_id FROM "user" WHERE user_id = ANY(%(users)s) ORDER BY user_id FOR UPDATE'
        return self._ids(statement, users=list(user_ids))

    def _inserted(self, user_ids: Sequence[str], now: int) -> set[str]:
        statement = (
            'INSERT INTO "user" (user_id, create_time_ns) SELECT user_id, %(now)s FROM unnest(%(users)s::text[])'
            " AS wanted (user_id) ON CONFLICT DO NOTHING RETURNING user_id"
        )
        return self._ids(statement, users=list(user_ids), now=now)

    def _ids(self, statement: str, **values: object) -> set[str]:
        return set(self._connection.exec_driver_sql(statement, values).scalars())
