"""Heartbeats: when they are due, and what they say."""

from __future__ import annotations

from ticker.v1 import watch_service_pb2

from tests.support.fanout_rig import SECOND, USER, FanoutRig, schedule
from tests.support.recording_sink import RecordingSink
from tests.support.virtual_clock import instant
from ticker_server.fanout.encoding import duration, timestamp
from ticker_server.fanout.pieces import LagPolicy
from ticker_server.model.beat import phase_of
from ticker_server.model.subscription import EVERY_TICK

SLOT = SECOND // 1000


def beats(sink: RecordingSink) -> list[tuple[int, watch_service_pb2.Heartbeat]]:
    """Return when each heartbeat since the last call was sent, and what it said."""
    return [
        (message.sent_time.ToNanoseconds(), message.heartbeat)
        for message in sink.take()
        if message.HasField("heartbeat")
    ]


def test_heartbeat_comes_at_each_interval() -> None:
    """A quiet watch has a heartbeat every interval, on the grid of its id, and nothing else."""
    rig = FanoutRig("A")
    sink = rig.watch("A")
    sink.take()
    rig.clock.advance(60)
    messages = list(sink.messages)
    times = [at for at, _ in beats(sink)]

    assert 12 == len(messages) == len(times)
    assert all((at - phase_of("watch-1", 5 * SECOND)) % (5 * SECOND) <= SLOT for at in times)


def test_heartbeat_says_how_the_feed_stands() -> None:
    """A heartbeat has the time, the promise of the next one, and the state of the feed."""
    rig = FanoutRig("A")
    sink = rig.watch("A")
    rig.clock.advance(5)
    at, heartbeat = beats(sink)[0]

    assert timestamp(at) == heartbeat.server_time == heartbeat.read_through
    assert duration(15 * SECOND) == heartbeat.next_within
    assert heartbeat.feed == watch_service_pb2.FEED_STATE_LIVE
    assert timestamp(SECOND) == heartbeat.feed_since


def test_heartbeat_counts_windows() -> None:
    """A heartbeat tells how many stocks are open and closed, and the next opening of the closed ones."""
    rig = FanoutRig("A", "B", "C")
    sink = rig.watch_user(
        rig.subscription("A"),
        rig.subscription("B", hours=schedule("UTC", "15:00-16:00")),
        rig.subscription("C", hours=schedule("Europe/Berlin", "14:30-17:00")),
    )
    rig.clock.advance(5)
    _, heartbeat = beats(sink)[0]

    assert (heartbeat.open_stocks, heartbeat.closed_stocks) == (1, 2)
    assert timestamp(instant("2026-03-02T13:30:00+00:00")) == heartbeat.next_open_time
    rig.clock.advance_to("2026-03-02T15:00:10+00:00")
    _, heartbeat = beats(sink)[-1]
    assert (heartbeat.open_stocks, heartbeat.closed_stocks) == (3, 0)
    assert not heartbeat.HasField("next_open_time")


def test_heartbeat_and_beat_are_one_message() -> None:
    """With the default interval and frequency a watch gets one message per period, not two."""
    rig = FanoutRig("A")
    for sink in (rig.watch("A"), rig.watch_user(rig.subscription("A"))):
        sink.take()
        for _ in range(12):
            rig.tick("A")
            rig.clock.advance(5)
        messages = sink.take()

        assert len(messages) == 12
        assert all(message.updates and message.HasField("heartbeat") for message in messages)


def test_stalled_reader_gets_one_heartbeat_when_it_reads_again() -> None:
    """Heartbeats do not pile up, and go on at their interval."""
    rig = FanoutRig("A")
    sink = rig.watch("A")
    sink.take()
    sink.stall()
    rig.clock.advance(60)
    sink.release()
    assert len(beats(sink)) == 1
    rig.clock.advance(10)

    assert len(beats(sink)) == 2


def test_lagging_reader_of_every_tick_has_heartbeats_that_do_not_lie() -> None:
    """With ticks still pending the heartbeat comes all the same, and `read_through` stops before what is pending."""
    rig = FanoutRig("A")
    sink = rig.watch("A", cadence=EVERY_TICK, lag_policy=LagPolicy.CONFLATE)
    sink.stall()
    rig.tick(*["A"] * 9_000)
    accept_time = rig.clock.wall()
    rig.clock.advance(20)
    sink.take()
    sink.release(1)
    (message,) = sink.take()
    assert 3_000 < len(message.updates) < 9_000
    assert timestamp(accept_time) == message.heartbeat.read_through
    rig.clock.advance(5)
    sink.release()
    _, heartbeat = beats(sink)[-1]

    assert timestamp(rig.clock.wall()) == heartbeat.read_through


def test_wall_clock_set_by_hours_does_not_silence_it() -> None:
    """The next heartbeat comes within an interval of real time, whatever the wall clock is set to."""
    rig = FanoutRig("A")
    sink = rig.watch("A")
    for wall in ("2026-03-02T02:00:00+00:00", "2026-03-05T02:00:00+00:00"):
        rig.clock.set_wall(wall)
        sink.take()
        rig.clock.advance(10)

        assert len(beats(sink)) == 2


def test_closed_watch_has_none() -> None:
    """A closed watch leaves the scheduler."""
    rig = FanoutRig("A")
    watch, _ = rig.register(user_id=USER)
    rig.registry.begin(watch, [])
    watch.close()

    assert len(rig.scheduler) == 0
