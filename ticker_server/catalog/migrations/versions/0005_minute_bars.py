"""Minute bars: what the price of each stock did in each minute, and views of longer spans; in both databases."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# Each view, the minutes that its bars span, and what it is.
_VIEWS = {
    "bar_1m": (1, "Bars of a minute (UTC), by trade time."),
    "bar_5m": (5, "Bars of 5 minutes (UTC), by trade time."),
    "bar_15m": (15, "Bars of 15 minutes (UTC), by trade time."),
    "bar_1h": (60, "Bars of an hour (UTC), by trade time."),
    "bar_1d": (1440, "Bars of a day (UTC), by trade time."),
}
_COMMENTS = {
    "stock_id": "The stock, such as AAPL.",
    "start_time": "Where the span begins.",
    "open": "The price of the tick that was traded first.",
    "high": "The highest price.",
    "low": "The lowest price.",
    "close": "The price of the tick that was traded last.",
    "volume": "The sum of the traded sizes, as far as they are known.",
    "tick_count": "How many ticks.",
    "open_time": "When open was traded.",
    "close_time": "When close was traded.",
    "day": "The day of start_time in UTC.",
}


def upgrade() -> None:
    """Make the table and the views. Bars begin with what is stored from then on."""
    if op.get_bind().dialect.name == "postgresql":
        _create_in_postgresql()
        for name, (minutes, comment) in _VIEWS.items():
            _create_view_in_postgresql(name, minutes, comment)
    else:
        _create_in_sqlite()
        for name, (minutes, _) in _VIEWS.items():
            _create_view_in_sqlite(name, minutes)


def downgrade() -> None:
    """Remove table and views. Bars are not made again of what has been stored before."""
    for name in _VIEWS:
        op.execute(f"DROP VIEW {name}")
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


def _create_view_in_postgresql(name: str, minutes: int, comment: str) -> None:
    # A minute has a row per epoch, so even the view of minutes merges.
    span = "start_time" if minutes == 1 else f"date_bin('{minutes} minutes', start_time, 'epoch'::timestamptz)"
    day = f", ({span} AT TIME ZONE 'UTC')::date AS day" if minutes == 1440 else ""
    op.execute(
        f"CREATE VIEW {name} AS SELECT stock_id, {span} AS start_time,"  # noqa: S608 - constants of this module
        " (array_agg(open ORDER BY open_time_ns, epoch_ordinal, open_sequence))[1] AS open,"
        " max(high) AS high, min(low) AS low,"
        " (array_agg(close ORDER BY close_time_ns DESC, epoch_ordinal DESC, close_sequence DESC))[1] AS close,"
        " sum(volume) AS volume, sum(tick_count)::bigint AS tick_count,"
        f" min(open_time) AS open_time, max(close_time) AS close_time{day}"
        f" FROM minute_bar GROUP BY stock_id, {span}"
    )
    op.execute(f"COMMENT ON VIEW {name} IS '{comment}'")
    for column, text in _COMMENTS.items():
        if column != "day" or day:
            op.execute(f"COMMENT ON COLUMN {name}.{column} IS '{text}'")


def _create_view_in_sqlite(name: str, minutes: int) -> None:
    # Rounded down before 1970, too. SQLite has no aggregate that is ordered, so the last row of each span stands for it.
    span = f"start_minute - (start_minute % {minutes} + {minutes}) % {minutes}"
    whole = f"OVER (PARTITION BY stock_id, {span})"
    day = ", date(span * 60, 'unixepoch') AS day" if minutes == 1440 else ""
    op.execute(
        f"CREATE VIEW {name} AS SELECT stock_id, datetime(span * 60, 'unixepoch') AS start_time,"  # noqa: S608 - as above
        f" open, high, low, close, volume, tick_count, {_instant_of('open_time_ns')} AS open_time,"
        f" {_instant_of('close_time_ns')} AS close_time{day} FROM ("
        f"SELECT stock_id, {span} AS span, row_number() OVER (PARTITION BY stock_id, {span}"
        " ORDER BY close_time_ns DESC, epoch_ordinal DESC, close_sequence DESC) AS place,"
        f" first_value(CAST(open_text AS REAL)) OVER (PARTITION BY stock_id, {span}"
        " ORDER BY open_time_ns, epoch_ordinal, open_sequence) AS open,"
        f" max(CAST(high_text AS REAL)) {whole} AS high, min(CAST(low_text AS REAL)) {whole} AS low,"
        " CAST(close_text AS REAL) AS close,"
        f" sum(CAST(volume_text AS REAL)) {whole} AS volume, sum(tick_count) {whole} AS tick_count,"
        f" min(open_time_ns) {whole} AS open_time_ns, close_time_ns"
        " FROM minute_bar) WHERE place = 1"
    )


def _instant_of(column: str) -> str:
    # Whole milliseconds, rounded down: as one floating point number they would be rounded up to the next second.
    floor = f"({column} - ({column} % 1000000 + 1000000) % 1000000) / 1000000"
    return f"strftime('%Y-%m-%d %H:%M:%f', {floor} / 1000.0, 'unixepoch')"


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
