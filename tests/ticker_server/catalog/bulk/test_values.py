"""How an imported row stands in the tables."""

from __future__ import annotations

import json

from ticker_server.catalog.bulk.rows import SubscriptionRow
from ticker_server.catalog.bulk.terms import TermCells, parse_terms
from ticker_server.catalog.bulk.values import SUBSCRIPTION_COLUMNS, row_values
from ticker_server.model.subscription import Subscription

NOW = 1_763_900_000_123_456_789
TERMS = parse_terms(TermCells(time_zone="Europe/Berlin", frequency="1s", window="09:00-17:00", days="mon,fri"))
ROW = SubscriptionRow(2, "ana", "A", TERMS)


def test_a_new_subscription_begins_now() -> None:
    """A row has the columns of the table and the payload of its change."""
    *columns, payload = row_values((ROW, None), NOW)

    assert dict(zip(SUBSCRIPTION_COLUMNS, columns, strict=True)) == {
        "user_id": "ana",
        "stock_id": "A",
        "time_zone": "Europe/Berlin",
        "frequency_ns": 1_000_000_000,
        "window_start": "09:00",
        "window_end": "17:00",
        "weekdays": "1,5",
        "create_time_ns": NOW,
        "update_time_ns": NOW,
    }
    assert json.loads(str(payload)) == {
        "cadence": 1_000_000_000,
        "time_zone": "Europe/Berlin",
        "window": [540, 1020, [1, 5]],
        "create_time": NOW,
        "update_time": NOW,
    }


def test_a_replaced_subscription_keeps_its_beginning() -> None:
    """What replaces a subscription is created when that was."""
    before = Subscription("ana", "A", 5, TERMS.schedule, 7, NOW - 9, NOW - 5)

    values = dict(zip(SUBSCRIPTION_COLUMNS, row_values((ROW, before), NOW)[:-1], strict=True))

    assert (values["create_time_ns"], values["update_time_ns"]) == (NOW - 9, NOW)
