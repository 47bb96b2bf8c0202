"""Ticks as rows, in daily partitions, for `sync --raw-ticks` (PostgreSQL only); in SQLite the embedded log has its own."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# Made as another table and then attached: that waits for no reader of the others, and none waits for it.
_PREPARE = """
CREATE FUNCTION prepare_price_ticks(day date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {schema}, pg_temp AS $$
DECLARE
  name text := 'price_tick_' || to_char(day, 'YYYYMMDD');
BEGIN
  IF to_regclass(name) IS NOT NULL THEN
    RETURN;
  END IF;
  -- Of several that find it missing one makes it. Without a lock on a table the answer might be one of before.
  LOCK TABLE price_tick IN SHARE UPDATE EXCLUSIVE MODE;
  IF to_regclass(name) IS NULL THEN
    EXECUTE format('CREATE TABLE %I (LIKE price_tick INCLUDING ALL)', name);
    EXECUTE format('ALTER TABLE price_tick ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', name,
                   day::timestamp AT TIME ZONE 'UTC', (day + 1)::timestamp AT TIME ZONE 'UTC');
  END IF;
END $$
"""
# It waits for readers of the table, and others wait for it meanwhile: so not for long. It is tried again later.
_DROP = """
CREATE FUNCTION drop_price_ticks(before date) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {schema}, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
  name text;
BEGIN
  SELECT child.relname INTO name FROM pg_inherits JOIN pg_class AS child ON child.oid = inhrelid
  WHERE inhparent = 'price_tick'::regclass AND child.relname < 'price_tick_' || to_char(before, 'YYYYMMDD')
  ORDER BY child.relname LIMIT 1;
  IF name IS NULL THEN
    RETURN false;
  END IF;
  EXECUTE format('DROP TABLE %I', name);
  RETURN true;
EXCEPTION WHEN lock_not_available THEN
  RETURN false;
END $$
"""


def upgrade() -> None:
    """Make the table, and the two functions by which a sync server that owns nothing makes and drops its partitions."""
    if op.get_bind().dialect.name != "postgresql":
        return
    _create_table()
    # What a function with its owner's rights calls must not be chosen by its caller.
    schema = op.get_bind().execute(sa.text("SELECT quote_ident(current_schema())")).scalar_one()
    op.execute(_PREPARE.format(schema=schema))
    op.execute(_DROP.format(schema=schema))
    op.execute("COMMENT ON FUNCTION prepare_price_ticks IS 'Makes the partition of a day of price_tick.'")
    op.execute(
        "COMMENT ON FUNCTION drop_price_ticks IS"
        " 'Drops the oldest partition of price_tick before a day; false = there is none, or it is being read.'"
    )
    op.execute("REVOKE EXECUTE ON FUNCTION prepare_price_ticks, drop_price_ticks FROM PUBLIC")


def downgrade() -> None:
    """Remove the table with all ticks, and the functions."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION prepare_price_ticks, drop_price_ticks")
        op.drop_table("price_tick")


def _create_table() -> None:
    op.create_table(
        "price_tick",
        sa.Column("stock_id", sa.String(16, collation="C"), nullable=False, comment="The stock, such as AAPL."),
        sa.Column("price", sa.Numeric, nullable=False, comment="The price."),
        sa.Column("size", sa.Numeric, nullable=True, comment="The traded size; NULL = unknown."),
        sa.Column("trade_time", sa.DateTime(timezone=True), _instant("trade_time_ns"), comment="When it was traded."),
        sa.Column(
            "accept_time",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="When the log accepted it; each day (UTC) is a partition.",
        ),
        _whole("trade_time_ns", "trade_time, exact: ns since 1970 (UTC)."),
        _whole("sequence", "Place in the log: offset + 1 within its partition."),
        _whole("tick_number", "The count of the stock's ticks in its epoch, this one included."),
        sa.Column("log_partition", sa.Integer, nullable=False, comment="The partition of the price log."),
        sa.Column("epoch_ordinal", sa.Integer, nullable=False, comment="The epoch that sequence and number count in."),
        postgresql_partition_by="RANGE (accept_time)",
        comment="Each accepted tick, as long as they are kept; only where the sync server stores them.",
    )
    op.create_index("ix_price_tick_stock_id_accept_time", "price_tick", ["stock_id", "accept_time"])


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
