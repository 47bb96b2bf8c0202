"""Catching up: what is not in memory comes from the log, then the rest from memory, then live, without a seam."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.fanout_rig import SECOND, FanoutRig, schedule
from tests.support.recording_sink import RecordingSink
from tests.support.resumption import SNAPSHOT, replayed_count, resumed, told
from ticker_server.model.subscription import EVERY_TICK


def replays(stock_id: str, first: int, last: int) -> list[tuple[str, str, int, int]]:
    """Return what is told of ticks that are replayed."""
    return [(stock_id, "REPLAY", number, number) for number in range(first, last + 1)]


def test_log_then_memory_then_live() -> None:
    """What memory has forgotten comes from the log, each tick once, and live ones follow."""
    rig = FanoutRig("A", kept=3)
    for _ in range(20):
        rig.tick("A")
    sink = resumed(rig, {"A": (5, 5)}, rereads=False)
    before = sink.take()
    rig.reread(0, at_a_time=4)
    rig.tick("A")
    messages = sink.take()

    assert told(before) == []
    assert told(messages) == [*replays("A", 6, 20), ("A", "LIVE", 21, 21)]
    assert replayed_count(messages) == 15


def test_ticks_come_while_the_log_is_read() -> None:
    """What is published during the reading, and forgotten again by memory, is not missed."""
    rig = FanoutRig("A", "B", kept=3)
    for _ in range(10):
        rig.tick("A")
    sink = resumed(rig, {"A": (2, 2)}, rereads=False)
    (rereading,) = rig.rereadings
    rereading.begin(0)
    for _ in range(3):
        rereading.take([rig.ticks["A"][rereading.position]], rereading.position + 1)
        rig.tick("A"), rig.tick("B"), rig.tick("B")
    rig.reread(0)
    rig.tick("A")

    assert told(sink.take()) == [*replays("A", 3, 13), ("A", "LIVE", 14, 14)]


def test_others_fall_out_of_memory_meanwhile() -> None:
    """A stock that was in memory at first and is not any more when the others have caught up is reread as well."""
    rig = FanoutRig("A", "B", kept=4)
    rig.tick("A", "A", "A", "A", "A", "A", "B", "B")
    sink = resumed(rig, {"A": (1, 1), "B": (6, 0)}, rereads=False)
    assert [rereading.stock_ids for rereading in rig.rereadings] == [["A"]]
    rig.tick("A", "A", "A", "A")
    rig.reread(0)

    assert told(sink.take()) == [*replays("A", 2, 10), *replays("B", 1, 2)]


def test_position_without_a_number() -> None:
    """A position need not say its number: nothing is told to be missing that lies at or below its sequence."""
    for sequence, missed in ((3, []), (2, replays("A", 3, 3)), (7, [])):
        rig = FanoutRig("A")
        rig.tick("A"), rig.tick("A"), rig.tick("A")
        sink = resumed(rig, {"A": (sequence, 0)})
        rig.tick("A"), rig.tick("A")
        # What another gateway or the database had read further than this one is not for the reader.
        live = [("A", "LIVE", number, number) for number in (4, 5) if number > sequence]

        assert told(sink.take()) == [*missed, *live]
        rig.tick("A"), rig.tick("A"), rig.tick("A")
        assert told(sink.take()) == [("A", "LIVE", number, number) for number in (6, 7, 8) if number > sequence]


def test_position_without_a_number_in_a_former_life() -> None:
    """What is hidden after such a position is a gap whose length is not known, and what comes next is no gap besides."""
    rig = FanoutRig("A")
    rig.tick("A"), rig.tick("A"), rig.tick("A")
    rig.delete("A")
    rig.create("A")
    sink = resumed(rig, {"A": (1, 0)})
    rig.tick("A")

    assert told(sink.take()) == [("A", "LOG_TRUNCATED", 0, 0), ("A", "LIVE", 4, 4)]


def test_no_snapshot_before_the_end_of_a_long_way() -> None:
    """Stocks without a position get their snapshot when the others have caught up, so that nothing live has to wait."""
    rig = FanoutRig("A", "B", kept=2, pending_limit=3)
    rig.tick("A", "A", "A", "B", "A", "A")
    sink = resumed(rig, {"A": (1, 1)}, "B", rereads=False)
    rig.tick("B", "B", "B", "B", "B")
    assert told(sink.take()) == []
    rig.reread(0)

    assert told(sink.take()) == [*replays("A", 2, 5), ("B", "SNAPSHOT", 6, 6)]


def test_frequency_is_not_held_up() -> None:
    """Stocks with a frequency are told first, but live updates come only after everything was caught up."""
    rig = FanoutRig("A", "B", kept=1)
    rig.tick("A", "A", "A", "B", "B")
    every = rig.subscription("A", EVERY_TICK)
    watch, sink = rig.register(user_id="ana")
    followings = [rig.registry.following(every), rig.registry.following(rig.subscription("B", SECOND))]
    followings[0].resume(1, 1)
    rig.registry.begin(watch, followings)
    rig.tick("B")
    rig.clock.advance(3)
    assert [message.kind for message in sink.messages if message.updates] == [SNAPSHOT]
    rig.reread(0)
    rig.clock.advance(2)

    assert told(sink.take()) == [("B", "SNAPSHOT", 2, 2), *replays("A", 2, 3), ("B", "LIVE", 3, 3)]


def test_heartbeats_go_on() -> None:
    """While the log is being read the reader hears from the server, which claims nothing about what was read."""
    rig = FanoutRig("A", kept=1)
    rig.tick("A"), rig.tick("A"), rig.tick("A")
    sink = resumed(rig, {"A": (1, 1)}, rereads=False)
    rig.clock.advance(11)
    heartbeats = [message.heartbeat for message in sink.take() if message.HasField("heartbeat")]
    rig.reread(0)
    rig.clock.advance(6)
    after = [message.heartbeat for message in sink.take() if message.HasField("heartbeat")]

    assert [beat.read_through.seconds for beat in heartbeats] == [0, 0]
    assert [beat.read_through.seconds for beat in after] == [beat.server_time.seconds for beat in after] != []


def test_slow_reader_stops_the_reading() -> None:
    """So many ticks wait for a reader and no more; when it has read half of them the reading goes on."""
    rig = FanoutRig("A", kept=10)
    for _ in range(20_000):
        rig.tick("A")
    sink = RecordingSink()
    sink.stall()
    resumed(rig, {"A": (1, 1)}, sink=sink, rereads=False)
    sink.release(1)
    rig.reread(0)
    (rereading,) = rig.rereadings
    stopped_at = rereading.position
    sink.release()
    went_on = rereading.has_room
    rig.reread(0)

    assert 4_096 <= stopped_at < 5_000
    assert went_on
    assert [update.tick_number for message in sink.take() for update in message.updates] == list(range(2, 20_001))


def test_log_begins_above_the_position() -> None:
    """What the log does not hold any longer is told as a gap, exactly, before what it holds."""
    rig = FanoutRig("A", "B", kept=2)
    rig.tick("A", "A", "B", "A", "A", "A", "A")
    sink = resumed(rig, {"A": (1, 1), "B": (1, 0)}, rereads=False)
    rig.reread(4)

    assert sorted(told(sink.take())) == sorted(
        [("A", "LOG_TRUNCATED", 2, 3), ("B", "LOG_TRUNCATED", 0, 0), *replays("A", 4, 6)]
    )


def test_log_is_truncated_during_the_reading() -> None:
    """What is gone in the middle of a reading is told in its place."""
    rig = FanoutRig("A", kept=1)
    rig.tick(*["A"] * 9)
    sink = resumed(rig, {"A": (1, 1)}, rereads=False)
    (rereading,) = rig.rereadings
    rereading.begin(0)
    rereading.take(rig.ticks["A"][:3], 3)
    rereading.begin(6)
    rereading.take(rig.ticks["A"][6:], 9)

    assert told(sink.take()) == [*replays("A", 2, 3), ("A", "LOG_TRUNCATED", 4, 6), *replays("A", 7, 9)]


def test_reading_behind_its_reader() -> None:
    """Who takes part in a reading that is still before its position is not told again what it has."""
    rig = FanoutRig("A", kept=1)
    rig.tick(*["A"] * 9)
    sink = resumed(rig, {"A": (5, 5)}, rereads=False)
    (rereading,) = rig.rereadings
    rereading.take(rig.ticks["A"][:4], 4)
    rereading.take(rig.ticks["A"][4:7], 7)
    rereading.take(rig.ticks["A"][3:], 9)

    assert told(sink.take()) == replays("A", 6, 9)


def test_leaving_and_closing() -> None:
    """A stock that is left is told no more of, and a watch that is closed wants nothing of the log."""
    rig = FanoutRig("A", "B", kept=1)
    rig.tick("A", "B", "A", "B", "A", "B")
    watch, sink = rig.register()
    followings = [rig.registry.following(rig.subscription(stock_id, EVERY_TICK)) for stock_id in "AB"]
    for following in followings:
        following.resume(2, 1)
    rig.registry.begin(watch, followings)
    rig.delete("A")
    (rereading,) = rig.rereadings
    rereading.begin(0)
    rereading.take(rig.ticks["A"][1:2] + rig.ticks["B"][1:2], 4)
    watch.close()

    assert [event for event in told(sink.take()) if event[0] == "A"] == []
    assert rereading.closed


def test_windows_on_a_long_way() -> None:
    """What came while the window was closed is told as at its openings, wherever the reading was cut."""
    for at_a_time in (1, 2, 3, 500):
        rig = FanoutRig("A", kept=1, start="2026-03-02T09:00:00+00:00")
        for _ in range(48):
            rig.tick("A")
            rig.clock.advance(3600)
        hours = schedule("UTC", "10:00-12:00")
        sink = resumed(rig, {"A": (1, 1)}, hours=hours, rereads=False)
        rig.reread(0, at_a_time=at_a_time)

        assert told(sink.take()) == [
            *replays("A", 2, 3),
            ("A", "OUTSIDE_WINDOW", 4, 24),
            *replays("A", 25, 27),
        ]


@pytest.mark.parametrize("cadence", [EVERY_TICK, SECOND])
@given(
    before=st.lists(st.sampled_from("ABC"), max_size=15),
    away=st.lists(st.sampled_from("ABC"), max_size=25),
    after=st.lists(st.sampled_from("ABC"), max_size=8),
    kept=st.integers(1, 30),
    begins=st.integers(0, 45),
    at_a_time=st.integers(1, 6),
)
def test_any_cut(  # what a cut can be like
    cadence: int, before: list[str], away: list[str], after: list[str], kept: int, begins: int, at_a_time: int
) -> None:
    """Wherever a watch is cut, what it gets after the resume is exactly what it missed, or a gap that names it."""
    rig = FanoutRig(*"ABC", kept=kept)
    first = rig.watch(*"ABC", cadence=cadence)
    for stock_id in before:
        rig.tick(stock_id)
        rig.clock.advance(0.3)
    seen = {update.stock_id: update for message in first.take() for update in message.updates}
    for stock_id in away:
        rig.tick(stock_id)
    positions = {stock_id: (update.sequence, update.tick_number) for stock_id, update in seen.items()}
    fresh = (stock_id for stock_id in "ABC" if stock_id not in seen)
    sink = resumed(rig, positions, *fresh, cadence=cadence, rereads=False)
    begins = min(begins, rig.hub.recent.floor(0))
    rig.reread(begins, at_a_time=at_a_time)
    for stock_id in after:
        rig.tick(stock_id)
    rig.reread(begins, at_a_time=at_a_time)
    rig.clock.advance(3)
    events = told(sink.take())

    for stock_id in "ABC":
        numbers = {tick.tick_number: tick for tick in rig.ticks.get(stock_id, [])}
        number = positions[stock_id][1] if stock_id in positions else None
        for _, kind, start, end in (event for event in events if event[0] == stock_id):
            if kind == "SNAPSHOT":
                assert number is None
            elif cadence == EVERY_TICK and number is not None:
                assert start == number + 1
            else:
                assert start > (number or 0)
            if kind == "LOG_TRUNCATED":
                assert numbers[end].sequence <= begins
            number = end
        assert (number or 0) == len(numbers)
