"""The tables of the catalog: user, stock, user_stock_subscription, and the outbox of changes.

Instants are columns `*_time_ns`: whole nanoseconds since the Unix epoch. A database's own timestamp type would be cut
to microseconds (PostgreSQL) or be a text (SQLite), so what is written would not be what is read. Analysts convert:
`to_timestamp(create_time_ns / 1e9)` in PostgreSQL, `datetime(create_time_ns / 1000000000, 'unixepoch')` in SQLite.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Identity,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)

__all__ = ["metadata", "outbox", "stock", "user", "user_stock_subscription"]

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _id(length: int) -> String:
    """Return the type of an id: ordered by code point everywhere, as Python and SQLite order it."""
    return String(length).with_variant(String(length, collation="C"), "postgresql")


user = Table(
    "user",
    metadata,
    Column("user_id", _id(64), primary_key=True),
    Column("create_time_ns", BigInteger, nullable=False),
)

stock = Table(
    "stock",
    metadata,
    Column("stock_id", _id(16), primary_key=True),
    Column("name", String(100), nullable=False),
    Column("currency", String(3), nullable=False),
    Column("create_time_ns", BigInteger, nullable=False),
    # A deleted stock stays as a tombstone, because its currency must never change: NULL = listed.
    Column("delete_time_ns", BigInteger, nullable=True),
    # The newest sequence of the stock's former life; prices up to it are not shown. 0 = none is hidden.
    Column("hidden_through", BigInteger, nullable=False),
    # The epoch of the price log in which `hidden_through` counts; NULL where none is hidden.
    Column("hidden_epoch", Text, nullable=True),
    # The revision of the stock's last deletion. Subscriptions up to it have ended, even where their rows are still
    # stored: a million of them are removed little by little. 0 = never deleted.
    Column("ended_through", BigInteger, server_default="0", nullable=False),
)

user_stock_subscription = Table(
    "user_stock_subscription",
    metadata,
    Column("user_id", _id(64), ForeignKey("user.user_id"), primary_key=True),
    Column("stock_id", _id(16), ForeignKey("stock.stock_id"), primary_key=True),
    Column("time_zone", String(64), nullable=False),
    # NULL = every tick.
    Column("frequency_ns", BigInteger, CheckConstraint("frequency_ns > 0", name="frequency"), nullable=True),
    # Local wall clock, 'HH:MM'; both NULL = always.
    Column("window_start", String(5), nullable=True),
    Column("window_end", String(5), nullable=True),
    # ISO weekdays such as '1,2,3' (1 = Monday); NULL = every day.
    Column("weekdays", String(13), nullable=True),
    Column("revision", BigInteger, nullable=False),
    Column("create_time_ns", BigInteger, nullable=False),
    Column("update_time_ns", BigInteger, nullable=False),
    CheckConstraint("(window_start IS NULL) = (window_end IS NULL)", name="window"),
    # Counts and finds the subscriptions that end with their stock, from the index alone.
    Index("ix_user_stock_subscription_stock_id_revision", "stock_id", "revision"),
)

outbox = Table(
    "outbox",
    metadata,
    # The one sequence that all revisions come from. It never hands out a number twice, whatever is deleted:
    # AUTOINCREMENT in SQLite (where the type must be exactly INTEGER), an identity in PostgreSQL.
    Column("revision", BigInteger().with_variant(Integer(), "sqlite"), Identity(always=True), primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("user_id", _id(64), nullable=True),
    Column("stock_id", _id(16), nullable=True),
    # JSON: what the change carries beside its ids.
    Column("payload", Text, nullable=False),
    sqlite_autoincrement=True,
)
