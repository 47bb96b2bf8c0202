from __future__ import annotations

from ticker_server.model.change import SubscriptionChanged
from ticker_server.model.schedule import Schedule
from ticker_server.model.subscription import EVERY_TICK, Subscription


def test_revision_of_a_changed_subscription() -> None:
    """The revision of a change to a subscription is the one that the subscription carries."""
    subscription = Subscription("ana", "AAPL", EVERY_TICK, Schedule("UTC", None), 7, 1, 2)

    assert SubscriptionChanged(subscription).revision == 7
