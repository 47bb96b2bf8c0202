"""Checkpoints of the Kafka price log: the state of acceptance at positions of each partition (PostgreSQL only)."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table; in SQLite ticks are stored with their numbers, and need none."""
    if op.get_bind().dialect.name != "postgresql":
        return
    op.create_table(
        "log_checkpoint",
        sa.Column("epoch_ordinal", sa.Integer, autoincrement=False, comment="The epoch, see log_epoch."),
        sa.Column("log_partition", sa.Integer, autoincrement=False, comment="The partition of the price log."),
        sa.Column(
            "position",
            sa.BigInteger,
            autoincrement=False,
            comment="The offset of the first record that is not in the state: all before it are.",
        ),
        sa.Column(
            "accept_time_ns",
            sa.BigInteger,
            nullable=False,
            comment="When the log accepted the newest tick before it, in ns since 1970 (UTC); 0 = there is none.",
        ),
        sa.Column(
            "create_time_ns",
            sa.BigInteger,
            nullable=False,
            comment="When it was stored, in ns since 1970 (UTC).",
        ),
        sa.Column(
            "state",
            sa.LargeBinary,
            nullable=False,
            comment="Newest tick, number and publishers of each stock: one byte for the format (1), then zlib over JSON.",
        ),
        sa.PrimaryKeyConstraint("epoch_ordinal", "log_partition", "position", name="pk_log_checkpoint"),
        comment="What each partition came to at some positions: from there on the log can be read with exact tick numbers.",
    )


def downgrade() -> None:
    """Remove the table. New checkpoints come with time; until then positions from before the way back have none."""
    if op.get_bind().dialect.name == "postgresql":
        op.drop_table("log_checkpoint")
