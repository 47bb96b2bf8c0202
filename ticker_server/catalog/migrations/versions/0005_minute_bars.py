"""Minute bars: what the price of each stock did in each minute, in both databases."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table. Bars begin with what is stored from then on."""
    if op.get_bind().dialect.name == "postgresql":
        _create_in_postgresql()
    else:
        _create_in_sqlite()


def downgrade() -> None:
    """Remove the table. Bars are not made again of what has been stored before."""
    op.drop_table("minute_bar")


def _create_in_postgresql() -> None:
    timestamp = sa.DateTime(timezone=True)
    op.create_table(
        "minute_bar",
        sa.Column("stock_id", sa.String(16, collation="C"), comment="The stock, such as AAPL."),
        sa.Column("start_time", timestamp, comment="Where the minute begins."),
        sa.Column("epoch_ordinal", sa.Integer, autoincrement=False, comment="The epoch, see log_epoch."),
        _number("open", "The price of the tick that was traded first."),
        _number("high", "The highest price."),
        _number("low", "The lowest price."),
        _number("close", "The price of the tick that was traded last."),
        _number("volume", "The sum of the traded sizes, as far as they are known."),
        _whole("tick_count", "How many ticks."),
        _whole("first_sequence", "The lowest sequence of its ticks."),
        _whole("last_sequence", "The highest sequence of its ticks."),
        sa.Column("open_time", timestamp, _instant("open_time_ns"), comment="When open was traded."),
        sa.Column("close_time", timestamp, _instant("close_time_ns"), comment="When close was traded."),
        _whole("open_time_ns", "open_time, exact: ns since 1970 (UTC)."),
        _whole("open_sequence", "The sequence of open."),
        _whole("close_time_ns", "close_time, exact: ns since 1970 (UTC)."),
        _whole("close_sequence", "The sequence of close."),
        sa.PrimaryKeyConstraint("stock_id", "start_time", "epoch_ordinal", name="pk_minute_bar"),
        postgresql_with={"fillfactor": "90"},
        comment="One row per stock, minute (UTC, by trade time) and epoch: what its price did."
        " bar_1m has the epochs merged.",
    )
    op.create_index("ix_minute_bar_start_time", "minute_bar", ["start_time"], postgresql_using="brin")


def _create_in_sqlite() -> None:
    texts = ("open_text", "high_text", "low_text", "close_text", "volume_text")
    integers = ("tick_count", "first_sequence", "last_sequence")
    marks = ("open_time_ns", "open_sequence", "close_time_ns", "close_sequence")
    op.create_table(
        "minute_bar",
        sa.Column("stock_id", sa.Text),
        sa.Column("start_minute", sa.Integer),
        sa.Column("epoch_ordinal", sa.Integer),
        *(sa.Column(name, sa.Text, nullable=False) for name in texts),
        *(sa.Column(name, sa.Integer, nullable=False) for name in (*integers, *marks)),
        sa.PrimaryKeyConstraint("stock_id", "start_minute", "epoch_ordinal"),
        sqlite_with_rowid=False,
    )


def _number(name: str, comment: str) -> sa.Column[int]:
    return sa.Column(name, sa.Numeric, nullable=False, comment=comment)


def _whole(name: str, comment: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False, comment=comment)


def _instant(column: str) -> sa.Computed:
    # Seconds and the rest apart: as one number of microseconds it may be too large for an exact product.
    return sa.Computed(
        "(timestamp '1970-01-01'"
        f" + ({column} / 1000000000) * interval '1 second'"
        f" + ({column} % 1000000000 / 1000) * interval '1 microsecond') AT TIME ZONE 'UTC'",
        persisted=True,
    )
