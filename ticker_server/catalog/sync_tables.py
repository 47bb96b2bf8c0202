"""The tables that the sync server writes: how far each partition is stored, its checkpoints, newest prices, bars, ticks.

They exist in PostgreSQL only. The embedded log keeps the same state in tables of its own, `log_tables`. Their readers
are gateways, which start from them, and analysts; so every column has a comment that the database keeps.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Computed,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    String,
    Table,
    Text,
)

from ticker_server.catalog.tables import metadata

__all__ = ["latest_price", "log_checkpoint", "log_epoch", "minute_bar", "price_tick", "sync_metadata", "sync_position"]

sync_metadata = MetaData(naming_convention=metadata.naming_convention)


def _instant(column: str) -> Computed:
    """Return what makes a readable instant of a column of nanoseconds, cut to the microseconds that it can hold.

    Seconds and the rest are added apart, because a number of microseconds may be too large for an exact product.
    """
    return Computed(
        "((('1970-01-01 00:00:00'::timestamp without time zone"
        f" + ((({column} / 1000000000))::double precision * '00:00:01'::interval))"
        f" + ((({column} % (1000000000)::bigint) / 1000))::double precision * '00:00:00.000001'::interval)"
        " AT TIME ZONE 'UTC'::text)",
        persisted=True,
    )


log_epoch = Table(
    "log_epoch",
    sync_metadata,
    Column("ordinal", Integer, Identity(always=True), primary_key=True, comment="Grows with each epoch."),
    # Not unique: an epoch that comes back (a setting that was changed and changed back) is a new one, with a new
    # ordinal, because the state that was stored for its former ordinal has been overwritten meanwhile.
    Column("epoch", Text, nullable=False, comment="Identity of the price log: cluster, topic, number of partitions."),
    Column("create_time_ns", BigInteger, nullable=False, comment="When it was first seen, in ns since 1970 (UTC)."),
    comment="The price logs that were followed, one after the other; the highest ordinal is the present one.",
)

sync_position = Table(
    "sync_position",
    sync_metadata,
    Column("epoch_ordinal", Integer, primary_key=True, autoincrement=False, comment="The epoch, see log_epoch."),
    Column("log_partition", Integer, primary_key=True, autoincrement=False, comment="The partition of the price log."),
    Column("next", BigInteger, nullable=False, comment="The offset of the first record that is not stored yet."),
    comment="How far each partition of the price log is stored; always written together with what was stored.",
)

log_checkpoint = Table(
    "log_checkpoint",
    sync_metadata,
    Column("epoch_ordinal", Integer, primary_key=True, autoincrement=False, comment="The epoch, see log_epoch."),
    Column("log_partition", Integer, primary_key=True, autoincrement=False, comment="The partition of the price log."),
    Column(
        "position",
        BigInteger,
        primary_key=True,
        autoincrement=False,
        comment="The offset of the first record that is not in the state: all before it are.",
    ),
    Column(
        "accept_time_ns",
        BigInteger,
        nullable=False,
        comment="When the log accepted the newest tick before it, in ns since 1970 (UTC); 0 = there is none.",
    ),
    Column("create_time_ns", BigInteger, nullable=False, comment="When it was stored, in ns since 1970 (UTC)."),
    Column(
        "state",
        LargeBinary,
        nullable=False,
        comment="Newest tick, number and publishers of each stock: one byte for the format (1), then zlib over JSON.",
    ),
    comment="What each partition came to at some positions: from there on the log can be read with exact tick numbers.",
)

latest_price = Table(
    "latest_price",
    sync_metadata,
    Column("stock_id", String(16, collation="C"), primary_key=True, comment="The stock, such as AAPL."),
    Column("price", Numeric, Computed("(price_text)::numeric", persisted=True), comment="The newest price."),
    Column(
        "size",
        Numeric,
        Computed("(NULLIF(size_text, ''::text))::numeric", persisted=True),
        comment="The traded size of the newest tick; NULL = unknown.",
    ),
    Column("trade_time", DateTime(timezone=True), _instant("trade_time_ns"), comment="When it was traded."),
    Column("accept_time", DateTime(timezone=True), _instant("accept_time_ns"), comment="When the log accepted it."),
    Column("tick_number", BigInteger, nullable=False, comment="How many ticks of the stock this epoch has accepted."),
    Column("sequence", BigInteger, nullable=False, comment="Place in the log: offset + 1 within its partition."),
    Column("epoch_ordinal", Integer, nullable=False, comment="The epoch that sequence and number count in."),
    Column("log_partition", Integer, nullable=False, comment="The partition of the price log."),
    Column("price_text", Text, nullable=False, comment="The price, digit for digit as it was sent."),
    Column("size_text", Text, nullable=False, comment="The size, digit for digit as it was sent; empty = unknown."),
    Column("trade_time_ns", BigInteger, nullable=False, comment="trade_time, exact: ns since 1970 (UTC)."),
    Column("accept_time_ns", BigInteger, nullable=False, comment="accept_time, exact: ns since 1970 (UTC)."),
    Column(
        "publishers",
        JSON,
        nullable=False,
        comment="The last sequence of each recent publisher, [[publisher_id, sequence], ...] in the log's order.",
    ),
    # Room on each page for the new version of a row that is written every few seconds.
    postgresql_with={"fillfactor": "70"},
    comment="The newest price of each stock, a few seconds behind the price log.",
)

minute_bar = Table(
    "minute_bar",
    sync_metadata,
    Column("stock_id", String(16, collation="C"), primary_key=True, comment="The stock, such as AAPL."),
    Column("start_time", DateTime(timezone=True), primary_key=True, comment="Where the minute begins."),
    Column("epoch_ordinal", Integer, primary_key=True, autoincrement=False, comment="The epoch, see log_epoch."),
    Column("open", Numeric, nullable=False, comment="The price of the tick that was traded first."),
    Column("high", Numeric, nullable=False, comment="The highest price."),
    Column("low", Numeric, nullable=False, comment="The lowest price."),
    Column("close", Numeric, nullable=False, comment="The price of the tick that was traded last."),
    Column("volume", Numeric, nullable=False, comment="The sum of the traded sizes, as far as they are known."),
    Column("tick_count", BigInteger, nullable=False, comment="How many ticks."),
    Column("first_sequence", BigInteger, nullable=False, comment="The lowest sequence of its ticks."),
    Column("last_sequence", BigInteger, nullable=False, comment="The highest sequence of its ticks."),
    Column("open_time", DateTime(timezone=True), _instant("open_time_ns"), comment="When open was traded."),
    Column("close_time", DateTime(timezone=True), _instant("close_time_ns"), comment="When close was traded."),
    Column("open_time_ns", BigInteger, nullable=False, comment="open_time, exact: ns since 1970 (UTC)."),
    Column("open_sequence", BigInteger, nullable=False, comment="The sequence of open."),
    Column("close_time_ns", BigInteger, nullable=False, comment="close_time, exact: ns since 1970 (UTC)."),
    Column("close_sequence", BigInteger, nullable=False, comment="The sequence of close."),
    Index("ix_minute_bar_start_time", "start_time", postgresql_using="brin"),
    # Room for the new versions of the rows of the present minute, which is written every few seconds.
    postgresql_with={"fillfactor": "90"},
    comment="One row per stock, minute (UTC, by trade time) and epoch: what its price did. bar_1m has the epochs merged.",
)

price_tick = Table(
    "price_tick",
    sync_metadata,
    Column("stock_id", String(16, collation="C"), nullable=False, comment="The stock, such as AAPL."),
    Column("price", Numeric, nullable=False, comment="The price."),
    Column("size", Numeric, nullable=True, comment="The traded size; NULL = unknown."),
    Column("trade_time", DateTime(timezone=True), _instant("trade_time_ns"), comment="When it was traded."),
    Column(
        "accept_time",
        DateTime(timezone=True),
        nullable=False,
        comment="When the log accepted it; each day (UTC) is a partition.",
    ),
    Column("trade_time_ns", BigInteger, nullable=False, comment="trade_time, exact: ns since 1970 (UTC)."),
    Column("sequence", BigInteger, nullable=False, comment="Place in the log: offset + 1 within its partition."),
    Column(
        "tick_number",
        BigInteger,
        nullable=False,
        comment="The count of the stock's ticks in its epoch, this one included.",
    ),
    Column("log_partition", Integer, nullable=False, comment="The partition of the price log."),
    Column("epoch_ordinal", Integer, nullable=False, comment="The epoch that sequence and number count in."),
    # No key: that no tick stands twice follows from the position, which moves in the same transaction.
    Index("ix_price_tick_stock_id_accept_time", "stock_id", "accept_time"),
    postgresql_partition_by="RANGE (accept_time)",
    comment="Each accepted tick, as long as they are kept; only where the sync server stores them.",
)
