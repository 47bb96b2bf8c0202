"""The roster: windows, snapshots, lanes and the queue of one watch, as its reader sees them."""

from __future__ import annotations

from datetime import UTC

import pytest
from ticker.v1 import watch_service_pb2

from tests.support.fanout_rig import SECOND, FanoutRig, schedule
from tests.support.recording_sink import RecordingSink
from tests.support.virtual_clock import instant
from ticker_server.model.subscription import EVERY_TICK

MINUTE = 60


def live(sink: RecordingSink) -> list[tuple[str, int]]:
    """Return when, to the minute, and which LIVE updates were sent since the last call."""
    return [
        (message.sent_time.ToDatetime(UTC).strftime("%d %H:%M"), update.tick_number)
        for message in sink.take()
        if message.kind == watch_service_pb2.UPDATE_KIND_LIVE
        for update in message.updates
    ]


def gaps(sink: RecordingSink) -> list[tuple[int, int, str]]:
    """Return first and last missing number and the reason of each gap so far."""
    return [
        (
            gap.first_missing_tick_number,
            gap.last_missing_tick_number,
            watch_service_pb2.GapReason.Name(gap.reason).removeprefix("GAP_REASON_"),
        )
        for message in sink.messages
        for gap in message.gaps
    ]


WINDOWS = [
    # zone, window, start of the test, first and last minute with LIVE updates (UTC)
    ("Europe/Berlin", "10:00-18:00", "2026-03-02T07:30:00", "02 09:00", "02 16:59"),
    ("America/New_York", "09:30-16:00", "2026-03-02T12:30:00", "02 14:30", "02 20:59"),
    ("Asia/Kolkata", "09:15-15:30", "2026-03-02T02:00:00", "02 03:45", "02 09:59"),
    # Summer time ends at 02:00 by 30 minutes: 01:45 is there twice, the first counts.
    ("Australia/Lord_Howe", "01:45-02:30", "2026-04-04T13:00:00", "04 14:45", "04 15:59"),
    ("Australia/Lord_Howe", "10:00-18:00", "2026-10-03T22:00:00", "03 23:00", "04 06:59"),
    # Ramadan: an hour back in February, forth again in March.
    ("Africa/Casablanca", "10:00-12:00", "2026-02-14T08:30:00", "14 09:00", "14 10:59"),
    ("Africa/Casablanca", "10:00-12:00", "2026-02-16T08:30:00", "16 10:00", "16 11:59"),
    ("Africa/Casablanca", "10:00-12:00", "2026-03-23T08:30:00", "23 09:00", "23 10:59"),
    # Across midnight, and across the changes of the clock.
    ("Europe/Berlin", "23:30-01:00", "2026-03-02T22:00:00", "02 22:30", "02 23:59"),
    ("Europe/Berlin", "22:00-06:00", "2026-03-28T20:00:00", "28 21:00", "29 03:59"),
    ("Europe/Berlin", "22:00-06:00", "2026-10-24T19:00:00", "24 20:00", "25 04:59"),
    ("Europe/Berlin", "02:30-03:30", "2026-03-29T00:15:00", "29 01:00", "29 01:29"),
    ("Europe/Berlin", "02:30-03:30", "2026-10-25T00:15:00", "25 00:30", "25 02:29"),
    ("America/New_York", "20:00-24:00", "2026-03-07T23:00:00", "08 01:00", "08 04:59"),
]


@pytest.mark.parametrize("cadence", [EVERY_TICK, 20 * SECOND])
@pytest.mark.parametrize(("zone", "hours", "start", "first", "last"), WINDOWS)
def test_live_updates_leave_only_within_the_window(
    cadence: int, zone: str, hours: str, start: str, first: str, last: str
) -> None:
    """With a tick a minute the first and last LIVE updates are those of the window in its own zone."""
    rig = FanoutRig("A", start=f"{start}+00:00")
    rig.tick("A")
    plan = schedule(zone, hours)
    sink = rig.watch_user(rig.subscription("A", cadence, plan))
    opened = sink.messages[0].opened.stocks[0]
    assert not opened.open_now
    assert opened.next_open_time.ToNanoseconds() == plan.next_open(rig.clock.wall())
    for _ in range(10 * 60):
        # At the half minute, so that with a frequency it is sent within its minute.
        rig.clock.advance(MINUTE / 2)
        rig.tick("A")
        rig.clock.advance(MINUTE / 2)
    found = live(sink)

    assert first == found[0][0]
    assert last == found[-1][0]


@pytest.mark.parametrize("cadence", [EVERY_TICK, 5 * SECOND])
def test_snapshot_is_sent_outside_the_window_and_nothing_else(cadence: int) -> None:
    """Outside its window a stock has its snapshot and next opening at once, and no LIVE update however many ticks."""
    rig = FanoutRig("A", start="2026-03-02T06:00:00+00:00")
    rig.tick("A", "A")
    sink = rig.watch_user(rig.subscription("A", cadence, schedule("Europe/Berlin", "10:00-18:00")))
    (message,) = sink.take()

    assert message.kind == watch_service_pb2.UPDATE_KIND_SNAPSHOT
    assert [update.tick_number for update in message.updates] == [2]
    assert message.HasField("caught_up")
    assert instant("2026-03-02T09:00:00+00:00") == message.opened.stocks[0].next_open_time.ToNanoseconds()
    for _ in range(100):
        rig.tick("A")
        rig.clock.advance(60)
    assert live(sink) == []


def test_first_beat_after_the_opening_carries_the_newest() -> None:
    """At the opening a frequency has the newest price within one beat; the jump of numbers is what was superseded."""
    rig = FanoutRig("A", start="2026-03-02T08:59:00+00:00")
    rig.tick("A")
    sink = rig.watch_user(rig.subscription("A", 5 * SECOND, schedule("Europe/Berlin", "10:00-18:00")))
    rig.tick(*["A"] * 9)
    rig.clock.advance_to("2026-03-02T09:00:05+00:00")

    assert live(sink) == [("02 09:00", 10)]
    assert gaps(sink) == []


def test_every_tick_is_told_what_came_outside_the_window() -> None:
    """At the opening comes a gap from the last one + 1 to the newest - 1, then the newest, then each tick."""
    rig = FanoutRig("A", start="2026-03-02T08:59:00+00:00")
    rig.tick("A")
    sink = rig.watch_user(rig.subscription("A", EVERY_TICK, schedule("Europe/Berlin", "10:00-18:00")))
    rig.tick(*["A"] * 9)
    rig.clock.advance_to("2026-03-02T09:00:00+00:00")
    rig.clock.advance(0.001)
    assert gaps(sink) == [(2, 9, "OUTSIDE_WINDOW")]
    rig.tick("A", "A")

    assert [number for _, number in live(sink)] == [10, 11, 12]


@pytest.mark.parametrize("ticks", [0, 1])
def test_every_tick_has_no_gap_where_nothing_is_missing(ticks: int) -> None:
    """At the opening there is no gap if no tick came, or only the one that is sent."""
    rig = FanoutRig("A", start="2026-03-02T08:59:00+00:00")
    rig.tick("A")
    sink = rig.watch_user(rig.subscription("A", EVERY_TICK, schedule("Europe/Berlin", "10:00-18:00")))
    rig.tick(*["A"] * ticks)
    rig.clock.advance(61)

    assert gaps(sink) == []
    assert [2][:ticks] == [number for _, number in live(sink)]


def test_gaps_of_window_and_slowness_keep_apart() -> None:
    """A reader that stalls over an opening gets both gaps, each exact, and then the newest."""
    rig = FanoutRig("A", start="2026-03-02T08:59:00+00:00", pending_limit=3)
    rig.tick("A")
    sink = rig.watch_user(rig.subscription("A", EVERY_TICK, schedule("Europe/Berlin", "10:00-18:00")))
    sink.stall()
    rig.tick(*["A"] * 4)
    rig.clock.advance(61)
    rig.tick(*["A"] * 5)
    sink.release()

    # Number 5 was the newest at the opening, so it and what followed waited for the reader.
    assert gaps(sink) == [(2, 4, "OUTSIDE_WINDOW"), (5, 9, "READER_LAGGED")]
    assert [number for _, number in live(sink)] == [10]


def test_stock_that_leaves_after_its_opening_has_no_gap() -> None:
    """A reader that stalls over an opening and over the end of the subscription is told of the end alone."""
    rig = FanoutRig("A", start="2026-03-02T08:59:00+00:00")
    rig.tick("A")
    sink = rig.watch_user(rig.subscription("A", EVERY_TICK, schedule("Europe/Berlin", "10:00-18:00")))
    sink.take()
    sink.stall()
    rig.tick("A", "A")
    rig.clock.advance(61)
    rig.unsubscribe("A")
    sink.release()
    (message,) = sink.messages

    assert gaps(sink) == []
    assert len(message.changes) == 1


def test_closing_drops_what_is_pending() -> None:
    """What a slow reader did not get before the window closed is not sent after it; the next opening tells."""
    rig = FanoutRig("A", start="2026-03-02T16:59:00+00:00")
    rig.tick("A")
    sink = rig.watch_user(rig.subscription("A", EVERY_TICK, schedule("Europe/Berlin", "10:00-18:00")))
    sink.stall()
    rig.tick("A", "A")
    rig.clock.advance(120)
    sink.release()
    assert live(sink) == []
    rig.clock.advance_to("2026-03-03T09:00:01+00:00")

    assert gaps(sink) == [(2, 2, "OUTSIDE_WINDOW")]
    assert [number for _, number in live(sink)] == [3]


@pytest.mark.parametrize("cadence", [EVERY_TICK, SECOND])
def test_wall_clock_set_back_closes_the_window_again(cadence: int) -> None:
    """When the wall clock is set back before the opening, no LIVE update leaves until it opens again."""
    rig = FanoutRig("A", start="2026-03-02T09:30:00+00:00")
    sink = rig.watch_user(rig.subscription("A", cadence, schedule("Europe/Berlin", "10:00-18:00")))
    rig.tick("A")
    rig.clock.advance(2)
    assert [number for _, number in live(sink)] == [1]
    rig.clock.set_wall("2026-03-02T08:00:00+00:00")
    for _ in range(10):
        rig.tick("A")
        rig.clock.advance(60)
    assert live(sink) == []
    rig.clock.advance_to("2026-03-02T09:00:02+00:00")

    assert [number for _, number in live(sink)] == [11]


@pytest.mark.parametrize("cadence", [EVERY_TICK, SECOND])
def test_wall_clock_set_forward_opens_the_window(cadence: int) -> None:
    """When the wall clock is set past the opening, LIVE updates come within a second and a beat."""
    rig = FanoutRig("A", start="2026-03-02T06:00:00+00:00")
    rig.tick("A")
    sink = rig.watch_user(rig.subscription("A", cadence, schedule("Europe/Berlin", "10:00-18:00")))
    rig.tick("A", "A")
    rig.clock.advance(10)
    rig.clock.set_wall("2026-03-02T09:30:00+00:00")
    rig.clock.advance(2.001)

    assert [number for _, number in live(sink)] == [3]


def test_windows_of_one_watch_turn_each_at_its_time() -> None:
    """Stocks of one user open and close one by one."""
    rig = FanoutRig("A", "B", start="2026-03-02T08:00:00+00:00")
    sink = rig.watch_user(
        rig.subscription("A", EVERY_TICK, schedule("UTC", "09:00-11:00")),
        rig.subscription("B", EVERY_TICK, schedule("UTC", "10:00-12:00")),
    )
    seen = []
    for _ in range(5):
        rig.clock.advance(3600)
        sink.take()
        rig.tick("A", "B")
        seen.append("".join(stock_id for stock_id, _ in sink.updates()))

    assert seen == ["A", "AB", "B", "", ""]


def test_lanes_of_two_frequencies_keep_their_own_beats() -> None:
    """Each frequency of a user has its own beat; what is due together is one message."""
    rig = FanoutRig("A", "B")
    sink = rig.watch_user(rig.subscription("A", SECOND), rig.subscription("B", 4 * SECOND))
    sink.take()
    for _ in range(40):
        rig.tick("A", "B")
        rig.clock.advance(1)
    messages = [message for message in sink.take() if message.updates]
    counts = [len(message.updates) for message in messages]

    assert len(messages) == 40
    assert counts.count(2) == 10


def test_stock_that_comes_back_at_once_keeps_its_spacing() -> None:
    """A subscription changed back and forth right after a late update does not get the next one too soon."""
    rig = FanoutRig("A")
    sink = rig.watch_user(rig.subscription("A", 10 * SECOND))
    rig.clock.advance(10)
    rig.tick("A")
    sink.stall()
    rig.clock.advance(18)
    sink.take()
    sink.release()
    (late,) = [message for message in sink.take() if message.updates]
    rig.subscribe("A", 10 * SECOND, schedule("UTC", "00:00-24:00"))
    rig.tick("A")
    rig.clock.advance(30)
    (after,) = [message for message in sink.take() if message.kind == watch_service_pb2.UPDATE_KIND_LIVE]

    assert after.sent_time.ToNanoseconds() - late.sent_time.ToNanoseconds() >= 9 * SECOND


def test_frequencies_that_are_used_no_longer_cost_nothing() -> None:
    """After many changes of frequency a watch has one lane, and the scheduler what it needs."""
    rig = FanoutRig("A")
    sink = rig.watch_user(rig.subscription("A"))
    for frequency in range(1, 200):
        rig.subscribe("A", frequency * SECOND // 10)
    rig.clock.advance(60)
    (watch,) = rig.registry

    assert len(watch.roster._lanes) == 1
    assert len(rig.scheduler) == 2
    assert not sink.ended


def test_closed_roster_leaves_hub_and_scheduler() -> None:
    """A watch that is closed gets no tick and is never due."""
    rig = FanoutRig("A", "B")
    rig.watch_user(rig.subscription("A", EVERY_TICK), rig.subscription("B", hours=schedule("UTC", "13:00-14:00")))
    (watch,) = rig.registry
    watch.close()

    assert len(rig.scheduler) == 0
    assert not rig.hub.quote("A").receivers
