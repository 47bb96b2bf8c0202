"""The registry: the way of a catalog change to the watches that it concerns."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from ticker.v1 import watch_service_pb2

from tests.support.fanout_rig import SECOND, USER, FanoutRig
from tests.support.recording_sink import RecordingSink
from ticker_server.errors import UserNotFound
from ticker_server.fanout.following import Following
from ticker_server.model.change import StockDeleted, StockRenamed, SubscriptionChanged, SubscriptionRemoved, UserDeleted
from ticker_server.model.stock import Stock
from ticker_server.model.subscription import EVERY_TICK, Subscription


def changes(sink: RecordingSink) -> list[tuple[str, str]]:
    """Return stock and kind of each change since the last call."""
    return [
        (change.stock_id, watch_service_pb2.ChangeKind.Name(change.kind).removeprefix("CHANGE_KIND_"))
        for message in sink.take()
        for change in message.changes
    ]


def followed(rig: FanoutRig) -> list[str]:
    """Return what the only watch follows."""
    (watch,) = rig.registry
    return sorted(watch.roster.followings)


def test_watch_is_kept_until_it_is_closed() -> None:
    """The registry counts open watches, and forgets one with all that was kept for it."""
    rig = FanoutRig("A")
    watch, _ = rig.register(user_id=USER)
    assert len(rig.registry) == 1
    watch.close()
    watch.close()

    assert len(rig.registry) == 0
    assert list(rig.registry) == []
    assert not rig.registry._by_user
    assert not rig.registry._early


def test_subscription_changes_go_to_all_watches_of_the_user_alone() -> None:
    """Two watches of one user both hear of a change; that of another user does not."""
    rig = FanoutRig("A", "B")
    first, second = rig.watch_user(), rig.watch_user()
    other = rig.watch("A")
    for sink in (first, second, other):
        sink.take()
    rig.subscribe("A")
    rig.subscribe("A", user_id="bob")

    assert [("A", "JOINED")] == changes(first) == changes(second)
    assert changes(other) == []


def test_added_changed_and_removed() -> None:
    """A watch of a user follows what happens to its subscriptions, each with its snapshot."""
    rig = FanoutRig("A")
    rig.tick("A")
    sink = rig.watch_user()
    seen = []
    rig.subscribe("A")
    seen += [(message.changes[0].kind, message.kind) for message in sink.take()[1:]]
    rig.subscribe("A", SECOND)
    seen += [(message.changes[0].kind, message.kind) for message in sink.take()]
    rig.unsubscribe("A")
    seen += [(message.changes[0].kind, message.kind) for message in sink.take()]
    rig.unsubscribe("A")

    snapshot = watch_service_pb2.UPDATE_KIND_SNAPSHOT
    assert [
        (watch_service_pb2.CHANGE_KIND_JOINED, snapshot),
        (watch_service_pb2.CHANGE_KIND_CHANGED, snapshot),
        (watch_service_pb2.CHANGE_KIND_LEFT, 0),
    ] == seen
    assert sink.take() == []


def test_revisions_not_above_its_own_are_ignored() -> None:
    """What a watch has loaded already, or heard, changes nothing, and neither does what is older."""
    rig = FanoutRig("A")
    old, loaded = rig.subscription("A", SECOND), rig.subscription("A")
    sink = rig.watch_user(loaded)
    sink.take()
    rig.apply(
        SubscriptionChanged(old),
        SubscriptionChanged(loaded),
        SubscriptionRemoved(USER, "A", loaded.revision),
        StockDeleted("A", old.revision),
    )

    assert changes(sink) == []
    assert followed(rig) == ["A"]


def test_early_changes_are_replayed_in_their_order() -> None:
    """What changes between registering and beginning is applied to what was loaded, the newest per stock."""
    rig = FanoutRig("A", "B", "C", "D", "E")
    stored = [rig.subscription(stock_id) for stock_id in "ABC"]
    watch, sink = rig.register(user_id=USER)
    rig.unsubscribe("A")
    rig.delete("B")
    rig.subscribe("C", SECOND)
    rig.subscribe("D")
    rig.subscribe("D", 2 * SECOND)
    rig.subscribe("E")
    rig.unsubscribe("E")
    assert sink.take() == []
    rig.registry.begin(watch, [rig.registry.following(subscription) for subscription in stored])

    assert changes(sink) == [("A", "LEFT"), ("B", "STOCK_DELETED"), ("C", "CHANGED"), ("D", "JOINED")]
    assert followed(rig) == ["C", "D"]
    assert [watch.roster.followings[stock_id].cadence for stock_id in "CD"] == [SECOND, 2 * SECOND]


def load_before(rig: FanoutRig, changed: Subscription) -> Sequence[Following]:
    """Return what was loaded before a change."""
    return []


def load_after(rig: FanoutRig, changed: Subscription) -> Sequence[Following]:
    """Return what was loaded after it."""
    return [rig.registry.following(changed)]


@pytest.mark.parametrize("load", [load_before, load_after])
def test_early_change_is_told_once(load: object) -> None:
    """A stock added while the watch opens is there once, whether or not the load had it."""
    rig = FanoutRig("A")
    watch, sink = rig.register(user_id=USER)
    added = rig.subscription("A")
    rig.apply(SubscriptionChanged(added))
    assert callable(load)
    rig.registry.begin(watch, load(rig, added))
    told = [stock.stock_id for message in sink.messages for stock in message.opened.stocks]
    told += [stock_id for stock_id, _ in changes(sink)]

    assert told == ["A"]


def test_user_deleted_while_its_watch_opens() -> None:
    """A watch whose user was deleted after the load ends with USER_NOT_FOUND once it has begun."""
    rig = FanoutRig("A")
    stored = rig.subscription("A")
    watch, sink = rig.register(user_id=USER)
    rig.apply(UserDeleted(USER, rig.next_revision()))
    rig.registry.begin(watch, [rig.registry.following(stored)])

    assert changes(sink) == [("A", "LEFT")]
    assert isinstance(sink.error, UserNotFound)


def test_deletion_of_the_users_former_life_is_ignored() -> None:
    """A watch that loaded the user created again does not end for its deletion before."""
    rig = FanoutRig("A")
    watch, sink = rig.register(user_id=USER)
    rig.apply(UserDeleted(USER, rig.next_revision()))
    rig.registry.begin(watch, [rig.registry.following(rig.subscription("A"))])

    assert not sink.ended


def test_deleted_stock_is_told_to_all_who_follow_it() -> None:
    """Watches of users and of stocks are told of a deleted stock; others are not."""
    rig = FanoutRig("A", "B")
    followers = [rig.watch("A"), rig.watch_all(), rig.watch_user(rig.subscription("A"))]
    other = rig.watch("B")
    for sink in (*followers, other):
        sink.take()
    rig.delete("A")

    assert [changes(sink) for sink in followers] == [[("A", "STOCK_DELETED")]] * 3
    assert changes(other) == []


@pytest.mark.parametrize("cadence", [EVERY_TICK, SECOND])
def test_all_stocks_includes_those_created_later_and_again(cadence: int) -> None:
    """`*` follows a stock once it exists, with what it cost before; created again it has no price until it ticks."""
    rig = FanoutRig("A")
    rig.tick("A", "NEW")
    sink = rig.watch_all(cadence)
    sink.take()
    rig.create("NEW")
    assert sink.updates() == [("NEW", 1)]
    rig.tick("NEW")
    rig.clock.advance(1)
    assert sink.updates() == [("NEW", 2)]

    rig.delete("A")
    rig.tick("A")
    rig.clock.advance(2)
    assert changes(sink) == [("A", "STOCK_DELETED")]
    rig.create("A")
    rig.clock.advance(2)
    (message,) = [message for message in sink.take() if message.changes]
    assert message.changes[0].kind == watch_service_pb2.CHANGE_KIND_JOINED
    assert not message.changes[0].stock.has_price
    assert not message.updates
    rig.tick("A")
    rig.clock.advance(1)

    assert sink.updates() == [("A", 3)]


def test_ad_hoc_watch_does_not_follow_a_stock_created_again() -> None:
    """What was asked for by name and deleted is gone for this watch."""
    rig = FanoutRig("A")
    sink = rig.watch("A", cadence=EVERY_TICK)
    sink.take()
    rig.delete("A")
    rig.create("A")
    rig.tick("A")

    assert changes(sink) == [("A", "STOCK_DELETED")]


def test_renamed_stock_changes_no_watch() -> None:
    """A new name is known from then on and interrupts nobody."""
    rig = FanoutRig("A")
    sink = rig.watch("A")
    sink.take()
    rig.apply(StockRenamed(Stock("A", "New name", "USD", 0), rig.next_revision()))

    assert sink.take() == []
    assert rig.watch("A").messages[0].opened.stocks[0].name == "New name"


def test_stock_that_this_gateway_has_yet_to_hear_of_is_delivered() -> None:
    """A watch that loaded a subscription before the news of its stock came misses no tick."""
    rig = FanoutRig()
    sink = rig.watch_user(rig.subscription("NEW", EVERY_TICK))
    rig.tick("NEW")
    rig.create("NEW")
    rig.tick("NEW")

    assert sink.updates() == [("NEW", 1), ("NEW", 2)]


def test_drain_ends_each_watch_with_its_own_time_to_come_back() -> None:
    """Each reader is told another time, so that they do not come back at once."""
    rig = FanoutRig("A")
    sinks = [rig.watch("A"), rig.watch_all(), rig.watch_user()]
    times = iter([1, 2, 3])
    rig.registry.drain(lambda: next(times) * SECOND)

    assert [sink.messages[-1].go_away.reconnect_after.seconds for sink in sinks] == [1, 2, 3]
    assert all(sink.ended and sink.error is None for sink in sinks)
    assert len(rig.registry) == 0


# After changes may have been missed, everything is taken as it is stored.


def stored(rig: FanoutRig, *stock_ids: str) -> list[Stock]:
    """Return stocks as they are stored."""
    return [Stock(stock_id, f"{stock_id} Inc.", "USD", rig.clock.wall()) for stock_id in stock_ids]


def test_refreshed_stocks() -> None:
    """Stocks that came meanwhile join the watches of all stocks, those that went end on every watch."""
    rig = FanoutRig("A", "B")
    everything, some = rig.watch_all(), rig.watch("A", "B")
    everything.take(), some.take()

    rig.registry.refresh_stocks(stored(rig, "B", "C"))

    assert changes(everything) == [("C", "JOINED"), ("A", "STOCK_DELETED")]
    assert changes(some) == [("A", "STOCK_DELETED")]
    assert sorted(quote.stock_id for quote in rig.hub.listed()) == ["B", "C"]


def test_refreshed_user() -> None:
    """What was added, changed and removed meanwhile is told; what is as it was, or newer here, is not."""
    rig = FanoutRig("A", "B", "C", "D")
    kept, old, gone = (rig.subscription(stock_id) for stock_id in "ABC")
    sink = rig.watch_user(kept, old, gone)
    sink.take()
    changed, added = rig.subscription("B", SECOND), rig.subscription("D")

    rig.registry.refresh_user(USER, [kept, changed, added])

    assert changes(sink) == [("C", "LEFT"), ("B", "CHANGED"), ("D", "JOINED")]
    assert followed(rig) == ["A", "B", "D"]
    rig.registry.refresh_user(USER, [kept, old, added])
    assert changes(sink) == []


def test_refreshed_user_that_is_gone() -> None:
    """The watch of a user that was deleted meanwhile ends as if it had been told."""
    rig = FanoutRig("A")
    sink = rig.watch_user(rig.subscription("A"))
    sink.take()

    rig.registry.refresh_user(USER, None)

    assert changes(sink) == [("A", "LEFT")]
    assert isinstance(sink.error, UserNotFound)


def test_refresh_while_a_watch_loads() -> None:
    """A refresh that comes while a watch loads its subscriptions counts once it begins, before later changes."""
    rig = FanoutRig("A", "B", "C")
    watch, sink = rig.register(user_id=USER)
    loaded, added, later = (rig.subscription(stock_id) for stock_id in "ABC")

    rig.registry.refresh_user(USER, [added])
    rig.apply(SubscriptionChanged(later))
    rig.registry.begin(watch, [rig.registry.following(loaded)])

    assert followed(rig) == ["B", "C"]
    assert changes(sink) == [("A", "LEFT"), ("B", "JOINED"), ("C", "JOINED")]
    watch.close()
    assert not rig.registry._early_refresh


def test_users_with_open_watches() -> None:
    """The users with watches open are known, each once."""
    rig = FanoutRig("A")
    rig.watch_user()
    rig.watch_user()
    rig.watch("A")

    assert rig.registry.users() == [USER]


def test_feed_is_told_at_once() -> None:
    """Every watch that has begun tells how the feed stands when it pulls next, long before its next heartbeat."""
    rig = FanoutRig("A")
    sink = rig.watch("A")
    rig.register()
    sink.take()

    for watch in rig.registry.note_feed():
        watch.pull()
    told = sink.take()
    rig.clock.advance(5)

    assert [message.HasField("heartbeat") for message in told] == [True]
    assert len(sink.take()) == 1
