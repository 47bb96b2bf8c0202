"""The end of a watch: by its age, in time, and when the reader does not take what is due."""

from __future__ import annotations

import gc
import random
from itertools import pairwise

import pytest
from ticker.v1 import watch_service_pb2 as wire

from tests.support.fanout_rig import SECOND, USER, FanoutRig, schedule
from ticker_server.errors import UserNotFound
from ticker_server.fanout.catch_up import CatchUp
from ticker_server.fanout.departure import Departure
from ticker_server.fanout.ending import Ending
from ticker_server.fanout.heartbeat import Heartbeat
from ticker_server.fanout.lifetimes import Lifetimes
from ticker_server.fanout.pieces import ChangeKind
from ticker_server.fanout.roster import Roster
from ticker_server.fanout.watch import Watch
from ticker_server.model.change import UserDeleted
from ticker_server.model.subscription import EVERY_TICK

HALF_HOUR = 1800 * SECOND
STREAM_AGE = wire.GO_AWAY_REASON_STREAM_AGE
DRAINING = wire.GO_AWAY_REASON_DRAINING


def reconnect_after(rig: FanoutRig) -> None:
    """Drain with the time to come back that tests look for."""
    rig.registry.drain(lambda: 7 * SECOND)


# By age.


def test_stream_ends_at_its_age() -> None:
    """A stream that is old enough says STREAM_AGE and when to come back, ends with OK, and leaves nothing behind."""
    rig = FanoutRig("A", lifetimes=Lifetimes(HALF_HOUR, lambda: 0.5))
    sink = rig.watch("A")
    rig.clock.advance(1799)
    assert not sink.ended
    rig.clock.advance(1)

    assert sink.ended
    assert sink.error is None
    assert sink.messages[-1].go_away.reason == STREAM_AGE
    assert sink.messages[-1].go_away.reconnect_after.nanos == 500_000_000
    assert (len(rig.registry), len(rig.scheduler)) == (0, 0)


def test_streams_opened_together_end_apart() -> None:
    """Streams of a minute that were opened at once end over 24 seconds, few of them in any second."""
    rig = FanoutRig("A", lifetimes=Lifetimes(60 * SECOND, random.Random(1).random))
    sinks = [rig.watch("A") for _ in range(240)]
    rig.clock.advance(48)
    left = [len(sinks)]
    while left[-1]:
        rig.clock.advance(1)
        left.append(sum(not sink.ended for sink in sinks))

    assert left[0] == 240
    assert len(left) == 25
    assert max(before - after for before, after in pairwise(left)) < 25


def test_all_that_is_due_comes_before_the_end() -> None:
    """A reader that takes its messages in time gets every tick that came before the end."""
    rig = FanoutRig("A", lifetimes=Lifetimes(10 * SECOND, lambda: 0.5))
    sink = rig.watch("A", cadence=EVERY_TICK)
    sink.take()
    sink.stall()
    rig.clock.advance(9)
    rig.tick("A", "A", "A")
    rig.clock.advance(2)
    assert not sink.ended
    sink.release()

    assert sink.ended
    assert sink.messages[-1].go_away.reason == STREAM_AGE
    assert sink.updates() == [("A", 1), ("A", 2), ("A", 3)]


def test_idle_watch_is_not_ended() -> None:
    """Half an hour without a tick: heartbeats come each 5 s, none later than promised, and no end."""
    rig = FanoutRig("A", lifetimes=Lifetimes(2 * HALF_HOUR, random.Random(1).random))
    sink = rig.watch("A", cadence=EVERY_TICK)
    sink.take()
    rig.clock.advance(1800)

    assert not sink.ended
    assert_beating(sink.take(), 360)


@pytest.mark.parametrize("cadence", [EVERY_TICK, 5 * SECOND])
def test_window_that_is_closed_for_a_day_ends_nothing(cadence: int) -> None:
    """Outside its window for 24 hours a watch has its heartbeats, no price though ticks come, and no end."""
    rig = FanoutRig("A", start="2026-03-06T18:00:00+00:00")
    monday = schedule("UTC", "10:00-18:00", 1)
    sink = rig.watch_user(rig.subscription("A", cadence, monday))
    sink.take()
    for _ in range(24):
        rig.tick("A")
        rig.clock.advance(3600)

    assert not sink.ended
    messages = sink.take()
    assert_beating(messages, 24 * 720)
    assert {message.heartbeat.closed_stocks for message in messages} == {1}
    assert not any(message.updates for message in messages)


def assert_beating(messages: list[wire.WatchStocksResponse], count: int) -> None:
    """Check that messages are so many heartbeats, each within what the one before promised."""
    assert len(messages) == count
    for before, after in pairwise(messages):
        assert after.HasField("heartbeat")
        promised = before.heartbeat.next_within.ToNanoseconds()
        assert promised == 15 * SECOND
        assert after.sent_time.ToNanoseconds() - before.sent_time.ToNanoseconds() == 5 * SECOND < promised


# A reader that does not take what is due.


def test_stalled_reader_holds_nothing_beyond_its_time() -> None:
    """Two seconds after a drain began, a watch whose reader does not read is gone; what it says last waits for it."""
    rig = FanoutRig("A")
    sink = rig.watch("A", cadence=EVERY_TICK)
    sink.take()
    sink.stall()
    rig.tick("A")
    reconnect_after(rig)
    rig.clock.advance(1.9)
    assert not sink.ended
    rig.clock.advance(0.2)

    assert sink.ended
    assert sink.error is None
    (last,) = sink.take()
    assert (last.go_away.reason, last.go_away.reconnect_after.seconds) == (DRAINING, 7)
    assert not last.updates
    assert (len(rig.registry), len(rig.scheduler)) == (0, 0)
    assert not rig.hub.quote("A").receivers


def test_reader_that_never_read_is_told_what_ended() -> None:
    """Also a stream of which nothing was read says that it was opened before it says that it ends."""
    rig = FanoutRig("A")
    watch, sink = rig.register()
    sink.stall()
    rig.registry.begin(watch, [])
    reconnect_after(rig)
    rig.clock.advance(3)

    (only,) = sink.take()
    assert only.opened.watch_id == watch.watch_id
    assert only.go_away.reason == DRAINING
    assert sink.error is None


def test_stalled_reader_of_a_deleted_user_is_told_what_left() -> None:
    """The user of a stalled watch is deleted: its stocks leave in the last message, before USER_NOT_FOUND."""
    rig = FanoutRig("A", "B")
    sink = rig.watch_user(rig.subscription("A"), rig.subscription("B", EVERY_TICK))
    sink.take()
    sink.stall()
    rig.tick("B")
    rig.apply(UserDeleted(USER, rig.next_revision()))
    rig.clock.advance(3)

    (last,) = sink.take()
    assert [(change.stock_id, change.kind) for change in last.changes] == [
        ("A", ChangeKind.LEFT),
        ("B", ChangeKind.LEFT),
    ]
    assert isinstance(sink.error, UserNotFound)
    assert (len(rig.registry), len(rig.scheduler)) == (0, 0)


def test_first_decision_counts() -> None:
    """A watch that ends by its age is not told to drain as well."""
    rig = FanoutRig("A", lifetimes=Lifetimes(10 * SECOND, lambda: 0.5))
    sink = rig.watch("A")
    sink.take()
    sink.stall()
    rig.clock.advance(10.5)
    reconnect_after(rig)
    sink.release()

    assert [message.go_away.reason for message in sink.take() if message.HasField("go_away")] == [STREAM_AGE]


def test_ended_watch_is_freed_at_once() -> None:
    """A watch that ended is freed by its reference counts, without the collector."""
    rig = FanoutRig("A", "B")
    gc.collect()
    gc.disable()
    try:
        before = of_watches()  # those of other tests
        sink = rig.watch_user(rig.subscription("A"), rig.subscription("B", EVERY_TICK))
        assert of_watches() == before + 5
        reconnect_after(rig)
        sink.on_writable = lambda: None  # as a transport forgets what it calls

        assert sink.ended
        assert of_watches() == before
    finally:
        gc.enable()


def of_watches() -> int:
    """Return how many objects there are that watches consist of."""
    return sum(isinstance(each, Watch | Roster | CatchUp | Heartbeat | Ending | Departure) for each in gc.get_objects())
