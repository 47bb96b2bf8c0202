"""How an imported row stands in the tables: in that of subscriptions, and in the outbox. Pure."""

from __future__ import annotations

from functools import lru_cache

from ticker_server.catalog.bulk.merging import Alteration
from ticker_server.catalog.bulk.terms import Terms
from ticker_server.catalog.outbox_table import NO_REVISION
from ticker_server.catalog.payload import change_values
from ticker_server.catalog.rows import subscription_values
from ticker_server.model.change import SubscriptionChanged
from ticker_server.model.subscription import Subscription

__all__ = ["OUTBOX_KIND", "SUBSCRIPTION_COLUMNS", "row_values"]

SUBSCRIPTION_COLUMNS = (
    "user_id",
    "stock_id",
    "time_zone",
    "frequency_ns",
    "window_start",
    "window_end",
    "weekdays",
    "create_time_ns",
    "update_time_ns",
)
"""The columns of a subscription, all but its revision: that is the database's to give."""

OUTBOX_KIND = "subscription_changed"

_KEPT = 16_384

Value = str | int | None


def row_values(alteration: Alteration, now: int) -> tuple[Value, ...]:
    """Return the values of SUBSCRIPTION_COLUMNS, and behind them the payload of the change in the outbox."""
    row, before = alteration
    return (row.user_id, row.stock_id, *_term_values(row.terms, before.create_time if before else now, now))


@lru_cache(maxsize=_KEPT)  # a chunk has few terms, and all its new subscriptions have one time
def _term_values(terms: Terms, create_time: int, update_time: int) -> tuple[Value, ...]:
    subscription = Subscription(
        user_id="",
        stock_id="",
        cadence=terms.cadence,
        schedule=terms.schedule,
        revision=NO_REVISION,
        create_time=create_time,
        update_time=update_time,
    )
    values = subscription_values(subscription)
    change = change_values(SubscriptionChanged(subscription))
    assert change["kind"] == OUTBOX_KIND
    return (*[values[column] for column in SUBSCRIPTION_COLUMNS[2:]], change["payload"])
