"""Former lives of stocks: the epoch of what they hide, and up to which revision their subscriptions have ended."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_HIDING = sa.table("stock", sa.column("hidden_through"), sa.column("hidden_epoch"))
_OUTBOX = sa.table("outbox", sa.column("revision"), sa.column("kind"), sa.column("payload"))
_OLD_INDEX = "ix_user_stock_subscription_stock_id"
_NEW_INDEX = "ix_user_stock_subscription_stock_id_revision"


def upgrade() -> None:
    """Add both to `stock`, and index the subscriptions of a stock by their revisions."""
    op.add_column("stock", sa.Column("hidden_epoch", sa.Text, nullable=True))
    op.add_column("stock", sa.Column("ended_through", sa.BigInteger, server_default="0", nullable=False))
    op.create_index(_NEW_INDEX, "user_stock_subscription", ["stock_id", "revision"])
    op.drop_index(_OLD_INDEX, "user_stock_subscription")
    if op.get_bind().dialect.name == "sqlite":
        _name_the_epoch()


def downgrade() -> None:
    """Remove both; what ended with its stock and is still stored goes first, for nothing would hide it any more."""
    op.execute(
        "DELETE FROM user_stock_subscription WHERE revision <="
        " (SELECT ended_through FROM stock WHERE stock.stock_id = user_stock_subscription.stock_id)"
    )
    op.create_index(_OLD_INDEX, "user_stock_subscription", ["stock_id"])
    op.drop_index(_NEW_INDEX, "user_stock_subscription")
    op.drop_column("stock", "ended_through")
    op.drop_column("stock", "hidden_epoch")


def _name_the_epoch() -> None:
    """Give what is hidden the epoch of the price log in this file, the only one that it can have counted in."""
    newest = "SELECT epoch FROM log_epoch ORDER BY ordinal DESC LIMIT 1"
    epoch = op.get_bind().execute(sa.text(newest)).scalar()
    if epoch is None:
        return
    op.execute(sa.update(_HIDING).where(_HIDING.c.hidden_through > 0).values(hidden_epoch=epoch))
    for row in op.get_bind().execute(sa.select(_OUTBOX)).all():
        payload: dict[str, Any] = json.loads(row.payload)
        if payload.get("hidden_through", 0) > 0:
            named = json.dumps(payload | {"hidden_epoch": epoch})
            op.execute(sa.update(_OUTBOX).where(_OUTBOX.c.revision == row.revision).values(payload=named))
