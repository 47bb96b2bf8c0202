"""The catalog (user, stock, user_stock_subscription, outbox) and, in SQLite, the embedded price log."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make all tables."""
    _create_user_and_stock()
    _create_subscription()
    _create_outbox()
    if op.get_bind().dialect.name == "sqlite":
        _create_price_log()


def downgrade() -> None:
    """Remove all tables, and with them everything that was stored."""
    if op.get_bind().dialect.name == "sqlite":
        for table in ("latest_price", "price_tick", "log_epoch"):
            op.drop_table(table)
    op.drop_table("outbox")
    op.drop_index("ix_user_stock_subscription_stock_id", "user_stock_subscription")
    for table in ("user_stock_subscription", "stock", "user"):
        op.drop_table(table)


def _id(length: int) -> sa.String:
    return sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql")


def _create_user_and_stock() -> None:
    op.create_table(
        "user",
        sa.Column("user_id", _id(64), nullable=False),
        sa.Column("create_time_ns", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("user_id", name="pk_user"),
    )
    op.create_table(
        "stock",
        sa.Column("stock_id", _id(16), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("create_time_ns", sa.BigInteger, nullable=False),
        sa.Column("delete_time_ns", sa.BigInteger, nullable=True),
        sa.Column("hidden_through", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("stock_id", name="pk_stock"),
    )


def _create_subscription() -> None:
    op.create_table(
        "user_stock_subscription",
        sa.Column("user_id", _id(64), nullable=False),
        sa.Column("stock_id", _id(16), nullable=False),
        sa.Column("time_zone", sa.String(64), nullable=False),
        sa.Column("frequency_ns", sa.BigInteger, nullable=True),
        sa.Column("window_start", sa.String(5), nullable=True),
        sa.Column("window_end", sa.String(5), nullable=True),
        sa.Column("weekdays", sa.String(13), nullable=True),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("create_time_ns", sa.BigInteger, nullable=False),
        sa.Column("update_time_ns", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("user_id", "stock_id", name="pk_user_stock_subscription"),
        sa.ForeignKeyConstraint(["user_id"], ["user.user_id"], name="fk_user_stock_subscription_user_id"),
        sa.ForeignKeyConstraint(["stock_id"], ["stock.stock_id"], name="fk_user_stock_subscription_stock_id"),
        sa.CheckConstraint("frequency_ns > 0", name="ck_user_stock_subscription_frequency"),
        sa.CheckConstraint("(window_start IS NULL) = (window_end IS NULL)", name="ck_user_stock_subscription_window"),
    )
    op.create_index("ix_user_stock_subscription_stock_id", "user_stock_subscription", ["stock_id"])


def _create_outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column(
            "revision",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=True),
            nullable=False,
        ),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("user_id", _id(64), nullable=True),
        sa.Column("stock_id", _id(16), nullable=True),
        sa.Column("payload", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("revision", name="pk_outbox"),
        sqlite_autoincrement=True,
    )


def _create_price_log() -> None:
    op.create_table(
        "log_epoch",
        sa.Column("ordinal", sa.Integer, primary_key=True),
        sa.Column("epoch", sa.Text, nullable=False, unique=True),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "price_tick",
        sa.Column("sequence", sa.Integer, primary_key=True),
        sa.Column("stock_id", sa.Text, nullable=False),
        sa.Column("price", sa.Text, nullable=False),
        sa.Column("size", sa.Text, nullable=False),
        sa.Column("trade_time_ns", sa.Integer, nullable=False),
        sa.Column("accept_time_ns", sa.Integer, nullable=False),
        sa.Column("tick_number", sa.Integer, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "latest_price",
        sa.Column("stock_id", sa.Text, primary_key=True),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("tick_number", sa.Integer, nullable=False),
        sa.Column("price", sa.Text, nullable=True),
        sa.Column("size", sa.Text, nullable=True),
        sa.Column("trade_time_ns", sa.Integer, nullable=True),
        sa.Column("accept_time_ns", sa.Integer, nullable=True),
        sa.Column("publishers", sa.Text, nullable=False),
    )
