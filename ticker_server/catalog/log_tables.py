"""The tables of the embedded price log, which shares the catalog's SQLite file and is migrated with it.

Only their shape stands here: the log itself writes them, in its own thread and its own transactions. They do not exist
in PostgreSQL, where Kafka is the price log.
"""

from __future__ import annotations

from sqlalchemy import Column, Integer, MetaData, Table, Text

__all__ = ["latest_price", "log_epoch", "log_metadata", "minute_bar", "price_tick"]

log_metadata = MetaData()

log_epoch = Table(
    "log_epoch",
    log_metadata,
    Column("ordinal", Integer, primary_key=True),
    Column("epoch", Text, nullable=False, unique=True),
    sqlite_autoincrement=True,
)

price_tick = Table(
    "price_tick",
    log_metadata,
    # AUTOINCREMENT: a sequence is never used twice, even after old ticks were pruned.
    Column("sequence", Integer, primary_key=True),
    Column("stock_id", Text, nullable=False),
    Column("price", Text, nullable=False),
    Column("size", Text, nullable=False),
    Column("trade_time_ns", Integer, nullable=False),
    Column("accept_time_ns", Integer, nullable=False),
    Column("tick_number", Integer, nullable=False),
    sqlite_autoincrement=True,
)

# The state of acceptance per stock. `publishers` is JSON: [[publisher_id, last sequence], ...] in the log's order.
latest_price = Table(
    "latest_price",
    log_metadata,
    Column("stock_id", Text, primary_key=True),
    Column("sequence", Integer, nullable=False),
    Column("tick_number", Integer, nullable=False),
    Column("price", Text, nullable=True),
    Column("size", Text, nullable=True),
    Column("trade_time_ns", Integer, nullable=True),
    Column("accept_time_ns", Integer, nullable=True),
    Column("publishers", Text, nullable=False),
)

# What the price of a stock did in a minute (UTC) by trade time, as in PostgreSQL. The decimals are texts, because SQLite
# would round them as numbers; the minute counts from 1970, because its nanoseconds may need more than 64 bits.
minute_bar = Table(
    "minute_bar",
    log_metadata,
    Column("stock_id", Text, primary_key=True),
    Column("start_minute", Integer, primary_key=True),
    Column("epoch_ordinal", Integer, primary_key=True),
    Column("open_text", Text, nullable=False),
    Column("high_text", Text, nullable=False),
    Column("low_text", Text, nullable=False),
    Column("close_text", Text, nullable=False),
    Column("volume_text", Text, nullable=False),
    Column("tick_count", Integer, nullable=False),
    Column("first_sequence", Integer, nullable=False),
    Column("last_sequence", Integer, nullable=False),
    Column("open_time_ns", Integer, nullable=False),
    Column("open_sequence", Integer, nullable=False),
    Column("close_time_ns", Integer, nullable=False),
    Column("close_sequence", Integer, nullable=False),
    sqlite_with_rowid=False,
)
