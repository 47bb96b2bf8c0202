"""A watch: the order of its stream, its ends, and readers that are too slow."""

from __future__ import annotations

from itertools import pairwise

import pytest
from ticker.v1 import watch_service_pb2

from tests.support.fanout_rig import SECOND, USER, FanoutRig, accepted, schedule
from tests.support.recording_sink import RecordingSink
from ticker_server.errors import ReaderTooSlow, ServerDraining, UserNotFound
from ticker_server.fanout.following import Following
from ticker_server.fanout.pieces import LagPolicy, Refusal
from ticker_server.fanout.registry import ALWAYS
from ticker_server.model.change import UserDeleted
from ticker_server.model.subscription import EVERY_TICK

SNAPSHOT, LIVE = watch_service_pb2.UPDATE_KIND_SNAPSHOT, watch_service_pb2.UPDATE_KIND_LIVE
MANY = [f"STOCK-{number:05}" for number in range(6000)]


def many_stocks(*, priced: bool = True) -> FanoutRig:
    """Return a rig with more stocks than fit into one message."""
    rig = FanoutRig(*MANY)
    if priced:
        rig.tick(*MANY)
    return rig


def gaps(messages: list[watch_service_pb2.WatchStocksResponse]) -> list[tuple[str, int, int]]:
    """Return stock, first and last missing number of each gap, all for a reader that lagged."""
    found = [gap for message in messages for gap in message.gaps]
    assert all(gap.reason == watch_service_pb2.GAP_REASON_READER_LAGGED for gap in found)
    return [(gap.stock_id, gap.first_missing_tick_number, gap.last_missing_tick_number) for gap in found]


def numbers(messages: list[watch_service_pb2.WatchStocksResponse], stock_id: str) -> list[int]:
    """Return the tick numbers of a stock, in the order they came."""
    return [update.tick_number for message in messages for update in message.updates if update.stock_id == stock_id]


# The beginning.


def test_small_watch_opens_with_one_message() -> None:
    """Opened, refusals, snapshots and caught_up are one message, and LIVE comes after it."""
    rig = FanoutRig("A", "B")
    rig.tick("A")
    sink = rig.watch("A", "B", cadence=EVERY_TICK, refusals=[Refusal("X", "STOCK_NOT_FOUND", "no X")])
    rig.tick("A")
    first, second = sink.take()

    assert [stock.stock_id for stock in first.opened.stocks] == ["A", "B"]
    assert [stock.has_price for stock in first.opened.stocks] == [True, False]
    assert [refusal.stock_id for refusal in first.opened.refusals] == ["X"]
    assert (first.kind, numbers([first], "A"), first.HasField("caught_up")) == (SNAPSHOT, [1], True)
    assert (second.kind, numbers([second], "A"), second.HasField("caught_up")) == (LIVE, [2], False)


def test_watch_without_stocks_stays_open() -> None:
    """A user without subscriptions has an open stream with heartbeats."""
    rig = FanoutRig()
    sink = rig.watch_user()
    rig.clock.advance(20)
    first, *later = sink.take()

    assert first.HasField("opened")
    assert first.HasField("caught_up")
    assert len(later) == 4
    assert not sink.ended


def test_nothing_is_sent_before_it_begins() -> None:
    """A watch that is registered and has yet to learn what to follow sends nothing, whatever happens."""
    rig = FanoutRig("A")
    watch, sink = rig.register(user_id=USER)
    rig.tick("A")
    watch.pull()
    rig.clock.advance(30)

    assert sink.take() == []


@pytest.mark.parametrize("cadence", [EVERY_TICK, SECOND])
def test_many_stocks_open_page_by_page(cadence: int) -> None:
    """A large opening is several messages of one watch id, all stocks once, then snapshots, then caught_up once."""
    rig = many_stocks()
    sink = RecordingSink()
    sink.release(1)
    rig.watch_all(cadence, sink)
    while not sink.messages[-1].HasField("caught_up"):
        rig.tick(*MANY[:10])
        sink.release(1)
    sink.release()
    messages = sink.take()
    opened = [message.opened for message in messages if message.HasField("opened")]

    assert [stock.stock_id for page in opened for stock in page.stocks] == MANY
    assert len(opened) > 1
    assert {opened[0].watch_id} == {page.watch_id for page in opened}
    assert ["epoch"] + [""] * (len(opened) - 1) == [page.log_epoch for page in opened]
    snapshots = [update.stock_id for message in messages if message.kind == SNAPSHOT for update in message.updates]
    assert snapshots == MANY
    assert sum(message.HasField("caught_up") for message in messages) == 1
    assert not [message for message in messages[: -1 if cadence == EVERY_TICK else None] if message.kind == LIVE]


def test_many_refusals_open_page_by_page() -> None:
    """Refusals are not above the limit of a message either."""
    rig = FanoutRig("A")
    refusals = [Refusal(stock_id, "STOCK_NOT_FOUND", "x" * 90) for stock_id in MANY]
    sink = rig.watch("A", refusals=refusals)
    messages = sink.take()

    assert [refusal.stock_id for message in messages for refusal in message.opened.refusals] == MANY
    assert [stock.stock_id for message in messages for stock in message.opened.stocks] == ["A"]
    assert len(messages) > 1


def test_changes_during_a_large_opening_come_after_it() -> None:
    """A stock that leaves while the opening is under way is opened, then left, and has no snapshot."""
    rig = many_stocks()
    sink = RecordingSink()
    sink.release(1)
    rig.watch_all(EVERY_TICK, sink)
    rig.delete(MANY[-1])
    rig.delete(MANY[0])
    rig.create("NEW")
    sink.release()
    messages = sink.take()
    (changed,) = [message for message in messages if message.changes]

    assert not any(message.HasField("opened") for message in messages[messages.index(changed) + 1 :])
    assert {MANY[0], MANY[-1], "NEW"} == {change.stock_id for change in changed.changes}
    assert numbers(messages, MANY[0]) + numbers(messages, MANY[-1]) == []


# Cadences.


def test_large_beat_is_sent_page_by_page() -> None:
    """What does not fit into one message follows at once, each stock once per beat."""
    rig = many_stocks()
    sink = rig.watch_all(SECOND)
    sink.take()
    rig.tick(*MANY)
    rig.clock.advance(1)
    messages = [message for message in sink.take() if message.updates]

    assert len(messages) > 1
    assert [update.stock_id for message in messages for update in message.updates] == MANY


def test_stock_deleted_between_the_pages_of_a_beat() -> None:
    """What was due of a stock is not sent with a later page of the beat if the stock left before."""
    rig = many_stocks()
    sink = rig.watch_all(SECOND)
    sink.release(1)
    sink.take()
    rig.tick(*MANY)
    rig.clock.advance(1)
    rig.delete(MANY[-1])
    sink.release()
    messages = sink.take()

    assert [update.stock_id for message in messages for update in message.updates] == MANY[:-1]
    assert [change.stock_id for message in messages for change in message.changes] == MANY[-1:]


def test_stalled_reader_of_a_frequency_gets_the_newest_alone() -> None:
    """A reader that stalls for a while gets the newest of each stock once it reads, and no gap."""
    rig = FanoutRig("A", "B")
    sink = rig.watch("A", "B", cadence=SECOND)
    sink.take()
    sink.stall()
    for _ in range(60):
        rig.tick("A", "B", "B")
        rig.clock.advance(1)
    sink.release()
    (message,) = sink.take()

    assert {("A", 60), ("B", 120)} == {(update.stock_id, update.tick_number) for update in message.updates}
    assert not message.gaps
    rig.clock.advance(0.5)
    assert sink.updates() == []


def test_spacing_holds_for_a_reader_that_stops_and_goes() -> None:
    """LIVE updates of one stock are 0.9 x frequency apart, however the reader reads, and come within 2 x frequency."""
    rig = FanoutRig("A")
    sink = rig.watch("A", cadence=SECOND)
    sink.take()
    for step in range(400):
        rig.tick("A")
        rig.clock.advance_ns(137_000_001)
        (sink.stall if step % 5 else sink.release)()
        if step % 7 == 0:
            sink.release()
    sink.release()
    times = [message.sent_time.ToNanoseconds() for message in sink.take() if message.updates]

    assert min(after - before for before, after in pairwise(times)) >= 9 * SECOND // 10
    assert len(times) > 40


def test_unchanged_price_is_not_sent_again() -> None:
    """A stock without a tick has no update."""
    rig = FanoutRig("A", "B")
    rig.tick("A", "B")
    sink = rig.watch("A", "B", cadence=SECOND)
    sink.take()
    rig.tick("A")
    rig.clock.advance(10)

    assert sink.updates() == [("A", 2)]


def test_every_tick_arrives_in_the_message_of_its_batch() -> None:
    """Ticks of one batch are one message, in the order of the log."""
    rig = FanoutRig("A", "B")
    sink = rig.watch("A", "B", cadence=EVERY_TICK)
    sink.take()
    rig.tick("B", "A", "B")

    assert [[(update.stock_id, update.tick_number) for update in message.updates] for message in sink.take()] == [
        [("B", 1), ("A", 1), ("B", 2)]
    ]


def test_ticks_of_a_former_life_are_told_as_missing() -> None:
    """A stock created again has no price; the ticks of its former life are told as a gap, and numbers go on from it."""
    rig = FanoutRig("A")
    rig.tick("A", "A")
    rig.delete("A")
    rig.create("A")
    sink = rig.watch("A", cadence=EVERY_TICK)
    assert not sink.messages[0].opened.stocks[0].has_price
    rig.tick("A")

    told = [gap for message in sink.messages for gap in message.gaps]
    assert [(gap.first_missing_tick_number, gap.last_missing_tick_number) for gap in told] == [(1, 2)]
    assert told[0].reason == watch_service_pb2.GAP_REASON_LOG_TRUNCATED
    assert sink.updates() == [("A", 3)]


# Readers that are too slow.


def test_conflate_keeps_each_tick_up_to_the_limit() -> None:
    """A reader that stalls for as many ticks as may wait gets each of them."""
    rig = FanoutRig("A", "B", pending_limit=5)
    sink = rig.watch("A", "B", cadence=EVERY_TICK)
    sink.stall()
    rig.tick("A", "A", "B", "A", "B")
    sink.release()

    assert gaps(sink.messages) == []
    assert numbers(sink.messages, "A") == [1, 2, 3]


def test_conflate_sends_the_newest_and_the_exact_gap() -> None:
    """Beyond the limit a reader gets the newest of each stock, a gap for the rest, and then every tick again."""
    rig = FanoutRig("A", "B", "C", pending_limit=5)
    sink = rig.watch("A", "B", "C", cadence=EVERY_TICK)
    rig.tick("A", "C")
    sink.take()
    sink.stall()
    rig.tick("A", "B", "A", "B", "A", "A", "C")
    sink.release()
    rig.tick("A", "B")
    messages = sink.take()

    assert {("A", 2, 4), ("B", 1, 1)} == set(gaps(messages))
    assert numbers(messages, "A") == [5, 6]
    assert numbers(messages, "B") == [2, 3]
    assert numbers(messages, "C") == [2]


def test_disconnect_ends_a_reader_that_is_too_slow() -> None:
    """With DISCONNECT one tick too many ends the stream at once, though the reader does not read."""
    rig = FanoutRig("A", pending_limit=3)
    sink = rig.watch("A", cadence=EVERY_TICK, lag_policy=LagPolicy.DISCONNECT)
    sink.stall()
    rig.tick("A", "A", "A")
    assert not sink.ended
    rig.tick("A")

    assert isinstance(sink.error, ReaderTooSlow)
    assert "3" in sink.error.message
    assert len(rig.registry) == 0
    assert not rig.hub.quote("A").receivers


def test_other_readers_do_not_notice_a_stalled_one() -> None:
    """A reader that stalls costs the others nothing."""
    rig = FanoutRig("A", pending_limit=3)
    stalled, reading = rig.watch("A", cadence=EVERY_TICK), rig.watch("A", cadence=EVERY_TICK)
    stalled.stall()
    for _ in range(50):
        rig.tick("A")

    assert [*range(1, 51)] == numbers(reading.messages, "A")


# Changes.


def test_stalled_reader_is_told_deleted_and_joined_again() -> None:
    """A stock that was deleted and created again while the reader stalled is told as both."""
    rig = FanoutRig("A")
    rig.tick("A")
    sink = rig.watch_all(EVERY_TICK)
    sink.take()
    sink.stall()
    rig.tick("A")
    rig.delete("A")
    rig.create("A")
    rig.tick("A")
    sink.release()
    (message,) = sink.take()

    assert [change.kind for change in message.changes] == [
        watch_service_pb2.CHANGE_KIND_STOCK_DELETED,
        watch_service_pb2.CHANGE_KIND_JOINED,
    ]
    assert (message.kind, numbers([message], "A")) == (SNAPSHOT, [3])


def test_no_update_follows_after_left() -> None:
    """What was pending or due of a stock is not sent after it left."""
    rig = FanoutRig("A", "B")
    sink = rig.watch_user(rig.subscription("A", EVERY_TICK), rig.subscription("B", SECOND))
    sink.take()
    sink.stall()
    rig.tick("A", "B")
    rig.clock.advance(3)
    rig.unsubscribe("A")
    rig.unsubscribe("B")
    sink.release()
    rig.tick("A", "B")
    rig.clock.advance(3)

    assert sink.updates() == []


def test_change_of_cadence_takes_a_snapshot_and_the_new_cadence() -> None:
    """From every tick to a frequency and back no tick is sent twice as LIVE, none in the old cadence."""
    rig = FanoutRig("A")
    sink = rig.watch_user(rig.subscription("A", EVERY_TICK))
    rig.tick("A")
    sink.take()
    rig.subscribe("A", SECOND)
    assert (sink.messages[-1].kind, numbers(sink.take(), "A")) == (SNAPSHOT, [1])
    rig.tick("A", "A")
    assert sink.take() == []
    rig.clock.advance(1)
    assert (sink.messages[-1].kind, numbers(sink.take(), "A")) == (LIVE, [3])
    rig.subscribe("A", EVERY_TICK)
    rig.tick("A")

    assert numbers(sink.take(), "A") == [3, 4]


# The ends.


def drain(rig: FanoutRig) -> None:
    """Tell all watches to go away."""
    rig.registry.drain(lambda: 2 * SECOND)


@pytest.mark.parametrize("cadence", [EVERY_TICK, SECOND])
def test_drain_ends_with_go_away_and_ok(cadence: int) -> None:
    """At a drain the last message says go_away, and the stream ends with OK."""
    rig = FanoutRig("A")
    sink = rig.watch("A", cadence=cadence)
    drain(rig)

    assert sink.messages[-1].go_away.reason == watch_service_pb2.GO_AWAY_REASON_DRAINING
    assert sink.messages[-1].go_away.reconnect_after.seconds == 2
    assert (sink.ended, sink.error) == (True, None)
    assert len(rig.scheduler) == 0


def test_drain_waits_for_a_stalled_reader() -> None:
    """A reader that reads again during the drain gets what is pending, go_away, and OK, all in one message."""
    rig = FanoutRig("A")
    sink = rig.watch("A", cadence=EVERY_TICK)
    sink.take()
    sink.stall()
    rig.tick("A")
    drain(rig)
    assert not sink.ended
    sink.release(1)
    (message,) = sink.take()

    assert numbers([message], "A") == [1]
    assert message.HasField("go_away")
    assert (sink.ended, sink.error) == (True, None)


def test_drain_during_a_large_opening() -> None:
    """A drain while the opening is under way lets it be told, then go_away once and last, then OK."""
    rig = many_stocks()
    sink = RecordingSink()
    sink.release(1)
    rig.watch_all(SECOND, sink)
    drain(rig)
    assert not sink.ended
    while not sink.ended:
        sink.release(1)

    assert [stock.stock_id for message in sink.messages for stock in message.opened.stocks] == MANY
    assert [False] * (len(sink.messages) - 1) + [True] == [message.HasField("go_away") for message in sink.messages]
    assert sink.error is None


def test_drain_of_a_watch_that_has_not_begun_is_an_error() -> None:
    """OK without a go_away would be a fault, so a watch that has nothing to say ends with SERVER_DRAINING."""
    rig = FanoutRig("A")
    watch, sink = rig.register(user_id=USER)
    drain(rig)
    rig.registry.begin(watch, [])

    assert isinstance(sink.error, ServerDraining)
    assert sink.messages == []
    assert len(rig.registry) == 0


def test_second_drain_changes_nothing() -> None:
    """A watch that is about to go away keeps its first word."""
    rig = FanoutRig("A")
    sink = rig.watch("A")
    sink.stall()
    drain(rig)
    rig.registry.drain(lambda: 9 * SECOND)
    sink.release()

    assert [message.go_away.reconnect_after.seconds for message in sink.messages if message.HasField("go_away")] == [2]


def test_deleted_user_is_told_left_for_each_stock() -> None:
    """A deleted user's watch is told that all stocks left, and ends with USER_NOT_FOUND."""
    rig = FanoutRig("A", "B")
    sink = rig.watch_user(
        rig.subscription("A", EVERY_TICK), rig.subscription("B", hours=schedule("UTC", "13:00-14:00"))
    )
    sink.take()
    rig.apply(UserDeleted(USER, rig.next_revision()))
    (message,) = sink.take()

    assert {"A", "B"} == {change.stock_id for change in message.changes}
    assert {watch_service_pb2.CHANGE_KIND_LEFT} == {change.kind for change in message.changes}
    assert isinstance(sink.error, UserNotFound)
    assert len(rig.registry) == 0


@pytest.mark.parametrize("stalled", [False, True])
def test_deleted_user_without_stocks_ends_too(*, stalled: bool) -> None:
    """A watch that has nothing to tell ends all the same, at the latest when its reader reads."""
    rig = FanoutRig()
    sink = rig.watch_user()
    sink.take()
    if stalled:
        sink.stall()
    rig.apply(UserDeleted(USER, rig.next_revision()))
    sink.release()

    assert sink.take() == []
    assert isinstance(sink.error, UserNotFound)


def test_user_created_again_does_not_revive_a_watch_that_ends() -> None:
    """What a new user of the same id adds is not told on the watch of the old one."""
    rig = FanoutRig("A", "B")
    sink = rig.watch_user(rig.subscription("A"))
    sink.take()
    sink.stall()
    rig.apply(UserDeleted(USER, rig.next_revision()))
    rig.subscribe("B")
    sink.release()
    (message,) = sink.take()

    assert [change.stock_id for change in message.changes] == ["A"]
    assert isinstance(sink.error, UserNotFound)


def test_closed_watch_sends_nothing() -> None:
    """After close nothing is sent, whatever comes."""
    rig = FanoutRig("A", "B")
    sink = rig.watch_user(rig.subscription("A", EVERY_TICK), rig.subscription("B"))
    (watch,) = rig.registry
    sink.take()
    watch.close()
    rig.tick("A", "B")
    rig.clock.advance(20)
    sink.release()

    assert sink.take() == []
    assert not sink.ended


# When the server has lost the count, or the log is another one.


def uncounted(rig: FanoutRig, stock_id: str, sequence: int) -> None:
    """Publish a tick without a number."""
    for watch in rig.hub.publish([accepted(stock_id, sequence, 0, rig.clock.wall())]):
        watch.pull()


def reasons(messages: list[watch_service_pb2.WatchStocksResponse]) -> list[tuple[str, str, int, int]]:
    """Return stock, reason and numbers of each gap."""
    return [
        (
            gap.stock_id,
            watch_service_pb2.GapReason.Name(gap.reason).removeprefix("GAP_REASON_"),
            gap.first_missing_tick_number,
            gap.last_missing_tick_number,
        )
        for message in messages
        for gap in message.gaps
    ]


@pytest.mark.parametrize("cadence", [EVERY_TICK, SECOND])
def test_lost_count_is_told_once(cadence: int) -> None:
    """The first update without a number comes with a gap that says why, the next ones come without."""
    rig = FanoutRig("A", "B")
    uncounted(rig, "A", 7)
    sink = rig.watch("A", "B", cadence=cadence)
    for sequence in range(8, 11):
        rig.clock.advance(2)
        uncounted(rig, "A", sequence)
        uncounted(rig, "B", sequence + 10)
    rig.clock.advance(2)
    messages = sink.take()

    assert reasons(messages) == [("A", "COUNT_LOST", 0, 0), ("B", "COUNT_LOST", 0, 0)]
    assert [update.tick_number for message in messages for update in message.updates] == [0] * 7


def test_lag_without_numbers_is_told() -> None:
    """A slow reader of every tick learns that ticks were replaced, also where they have no numbers."""
    rig = FanoutRig("A", "B", pending_limit=2)
    sink = rig.watch("A", "B", cadence=EVERY_TICK)
    sink.stall()
    for sequence, stock_id in enumerate("ABAA", 1):
        uncounted(rig, stock_id, sequence)
    sink.release()
    messages = sink.take()

    assert [(update.stock_id, update.sequence) for message in messages for update in message.updates] == [
        ("A", 4),
        ("B", 2),
    ]
    assert ("A", "READER_LAGGED", 0, 0) in reasons(messages)
    assert ("B", "READER_LAGGED", 0, 0) not in reasons(messages)


def test_closed_window_without_numbers_is_told() -> None:
    """What came outside the window is told as missing, also where ticks have no numbers to count by."""
    rig = FanoutRig("A", start="2026-03-02T09:00:00+00:00")
    sink = rig.watch_user(rig.subscription("A", EVERY_TICK, schedule("UTC", "10:00-11:00")))
    uncounted(rig, "A", 1)
    uncounted(rig, "A", 2)
    sink.take()
    rig.clock.advance(3600)
    messages = sink.take()

    assert ("A", "OUTSIDE_WINDOW", 0, 0) in reasons(messages)
    assert [update.sequence for message in messages for update in message.updates] == [2]


def test_resume_from_another_log_is_told_first() -> None:
    """A stock that is resumed from another log begins with a gap that says so, then its snapshot."""
    rig = FanoutRig("A", "B")
    rig.tick("A", "B")
    watch, sink = rig.register()
    followings = [Following(rig.hub.quote(stock_id), SECOND, ALWAYS) for stock_id in "AB"]
    followings[0].resumed_from_another_log = True
    rig.registry.begin(watch, followings)
    rig.clock.advance(5)
    (first, *others) = sink.take()

    assert reasons([first, *others]) == [("A", "LOG_REPLACED", 0, 0)]
    assert reasons([first]) == [("A", "LOG_REPLACED", 0, 0)]
    assert numbers([first], "A") == [1]
