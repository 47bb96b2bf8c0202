"""What the sync server stores of the Kafka price log: epochs, positions and the newest prices (PostgreSQL only)."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables; in SQLite the embedded log has its own."""
    if op.get_bind().dialect.name == "postgresql":
        _create_positions()
        _create_latest_price()


def downgrade() -> None:
    """Remove the tables. Nothing is lost that the price log still has: the next sync folds it anew."""
    if op.get_bind().dialect.name == "postgresql":
        for table in ("latest_price", "sync_position", "log_epoch"):
            op.drop_table(table)


def _create_positions() -> None:
    op.create_table(
        "log_epoch",
        sa.Column("ordinal", sa.Integer, sa.Identity(always=True), comment="Grows with each epoch."),
        sa.Column(
            "epoch",
            sa.Text,
            nullable=False,
            comment="Identity of the price log: cluster, topic, number of partitions.",
        ),
        sa.Column(
            "create_time_ns",
            sa.BigInteger,
            nullable=False,
            comment="When it was first seen, in ns since 1970 (UTC).",
        ),
        sa.PrimaryKeyConstraint("ordinal", name="pk_log_epoch"),
        comment="The price logs that were followed, one after the other; the highest ordinal is the present one.",
    )
    op.create_table(
        "sync_position",
        sa.Column("epoch_ordinal", sa.Integer, autoincrement=False, comment="The epoch, see log_epoch."),
        sa.Column("log_partition", sa.Integer, autoincrement=False, comment="The partition of the price log."),
        sa.Column(
            "next",
            sa.BigInteger,
            nullable=False,
            comment="The offset of the first record that is not stored yet.",
        ),
        sa.PrimaryKeyConstraint("epoch_ordinal", "log_partition", name="pk_sync_position"),
        comment="How far each partition of the price log is stored; always written together with what was stored.",
    )


def _create_latest_price() -> None:
    timestamp = sa.DateTime(timezone=True)
    op.create_table(
        "latest_price",
        sa.Column("stock_id", sa.String(16, collation="C"), comment="The stock, such as AAPL."),
        sa.Column("price", sa.Numeric, _computed("price_text::numeric"), comment="The newest price."),
        sa.Column(
            "size",
            sa.Numeric,
            _computed("nullif(size_text, '')::numeric"),
            comment="The traded size of the newest tick; NULL = unknown.",
        ),
        sa.Column("trade_time", timestamp, _instant("trade_time_ns"), comment="When it was traded."),
        sa.Column("accept_time", timestamp, _instant("accept_time_ns"), comment="When the log accepted it."),
        _whole("tick_number", "How many ticks of the stock this epoch has accepted."),
        _whole("sequence", "Place in the log: offset + 1 within its partition."),
        sa.Column("epoch_ordinal", sa.Integer, nullable=False, comment="The epoch that sequence and number count in."),
        sa.Column("log_partition", sa.Integer, nullable=False, comment="The partition of the price log."),
        sa.Column("price_text", sa.Text, nullable=False, comment="The price, digit for digit as it was sent."),
        sa.Column(
            "size_text",
            sa.Text,
            nullable=False,
            comment="The size, digit for digit as it was sent; empty = unknown.",
        ),
        _whole("trade_time_ns", "trade_time, exact: ns since 1970 (UTC)."),
        _whole("accept_time_ns", "accept_time, exact: ns since 1970 (UTC)."),
        sa.Column(
            "publishers",
            sa.JSON,
            nullable=False,
            comment="The last sequence of each recent publisher, [[publisher_id, sequence], ...] in the log's order.",
        ),
        sa.PrimaryKeyConstraint("stock_id", name="pk_latest_price"),
        postgresql_with={"fillfactor": "70"},
        comment="The newest price of each stock, a few seconds behind the price log.",
    )


def _whole(name: str, comment: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False, comment=comment)


def _computed(expression: str) -> sa.Computed:
    return sa.Computed(expression, persisted=True)


def _instant(column: str) -> sa.Computed:
    # Seconds and the rest apart: as one number of microseconds it may be too large for an exact product.
    return _computed(
        "(timestamp '1970-01-01'"
        f" + ({column} / 1000000000) * interval '1 second'"
        f" + ({column} % 1000000000 / 1000) * interval '1 microsecond') AT TIME ZONE 'UTC'"
    )
