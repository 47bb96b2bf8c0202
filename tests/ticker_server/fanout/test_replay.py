"""Resume: a reader that comes back gets what came after its position, or is told what it cannot have."""

from __future__ import annotations

from tests.support.fanout_rig import SECOND, FanoutRig, accepted, schedule
from tests.support.recording_sink import RecordingSink
from tests.support.resumption import LIVE, REPLAY, SNAPSHOT, replayed_count, resumed, told
from ticker_server.model.subscription import EVERY_TICK


def test_every_tick_after_the_position() -> None:
    """Every tick after the position is replayed in order, then come the live ones, without a seam."""
    rig = FanoutRig("A")
    rig.tick("A"), rig.tick("A"), rig.tick("A")
    sink = resumed(rig, {"A": (1, 1)})
    rig.tick("A")
    messages = sink.take()

    assert told(messages) == [("A", "REPLAY", 2, 2), ("A", "REPLAY", 3, 3), ("A", "LIVE", 4, 4)]
    assert replayed_count(messages) == 2


def test_nothing_missed() -> None:
    """A reader that has the newest tick gets nothing but what comes next, with every tick and with a frequency."""
    for cadence in (EVERY_TICK, SECOND):
        rig = FanoutRig("A")
        rig.tick("A")
        sink = resumed(rig, {"A": (1, 1)}, cadence=cadence)
        before = sink.take()
        rig.tick("A")
        rig.clock.advance(2)

        assert told(before) == []
        assert replayed_count(before) == 0
        assert told(sink.take()) == [("A", "LIVE", 2, 2)]


def test_frequency_gets_the_newest() -> None:
    """With a frequency the newest tick is replayed; what lies between is superseded, as its number tells."""
    rig = FanoutRig("A")
    for _ in range(5):
        rig.tick("A")
    messages = resumed(rig, {"A": (1, 1)}, cadence=SECOND).take()

    assert told(messages) == [("A", "REPLAY", 5, 5)]
    assert replayed_count(messages) == 1


def test_stocks_without_a_position_get_a_snapshot() -> None:
    """Snapshots and replay come in messages of their own, and caught_up after both."""
    rig = FanoutRig("A", "B")
    rig.tick("A"), rig.tick("B"), rig.tick("A")
    messages = resumed(rig, {"A": (1, 1)}, "B").take()

    assert [message.kind for message in messages] == [REPLAY, SNAPSHOT]
    assert told(messages) == [("A", "REPLAY", 2, 2), ("B", "SNAPSHOT", 1, 1)]
    assert [message.HasField("caught_up") for message in messages] == [False, True]


def test_gap_where_ticks_are_kept_no_more() -> None:
    """What is not kept any more is told as truncated, exactly, before what is."""
    rig = FanoutRig("A", "B", kept=3)
    for _ in range(5):
        rig.tick("A")
    assert told(resumed(rig, {"A": (1, 1)}).take()) == [
        ("A", "LOG_TRUNCATED", 2, 2),
        *[("A", "REPLAY", number, number) for number in (3, 4, 5)],
    ]
    for _ in range(3):
        rig.tick("B")
    assert told(resumed(rig, {"A": (1, 1)}).take()) == [("A", "LOG_TRUNCATED", 2, 5)]
    assert told(resumed(rig, {"A": (1, 1)}, "B").take())[:1] == [("A", "LOG_TRUNCATED", 2, 5)]


def test_born_while_away() -> None:
    """A stock that had no tick when the reader left is replayed from its first one."""
    rig = FanoutRig("A")
    rig.tick("A"), rig.tick("A")

    assert told(resumed(rig, {"A": (0, 0)}).take()) == [("A", "REPLAY", 1, 1), ("A", "REPLAY", 2, 2)]


def test_position_without_a_number() -> None:
    """Where the reader knows no number, all is replayed if it is known to be whole, and a gap comes first if not."""
    rig = FanoutRig("A", kept=3)
    rig.tick("A"), rig.tick("A"), rig.tick("A")
    assert told(resumed(rig, {"A": (1, 0)}).take()) == [("A", "REPLAY", 2, 2), ("A", "REPLAY", 3, 3)]
    rig.tick("A"), rig.tick("A")
    assert told(resumed(rig, {"A": (1, 0)}).take())[0] == ("A", "LOG_TRUNCATED", 0, 0)


def test_gateway_that_has_read_less() -> None:
    """Ticks that the reader has from a gateway which had read further are not sent again."""
    rig = FanoutRig("A")
    rig.tick("A")
    sink = resumed(rig, {"A": (3, 3)})
    rig.tick("A"), rig.tick("A"), rig.tick("A")

    assert told(sink.take()) == [("A", "LIVE", 4, 4)]


def test_former_life_is_not_replayed() -> None:
    """Ticks of a stock's former life are told as missing, also where they are still kept."""
    rig = FanoutRig("A")
    rig.tick("A"), rig.tick("A")
    rig.delete("A")
    rig.create("A")
    rig.tick("A")

    assert told(resumed(rig, {"A": (1, 1)}).take()) == [("A", "LOG_TRUNCATED", 2, 2), ("A", "REPLAY", 3, 3)]


def test_closed_window() -> None:
    """What came while the window was closed is told as at its opening: a gap, then the newest of it."""
    rig = FanoutRig("A", start="2026-03-02T09:59:00+00:00")
    hours = schedule("UTC", "10:00-11:00")
    for _ in range(3):
        rig.tick("A")
    closed = resumed(rig, {"A": (1, 1)}, hours=hours)
    before = told(closed.take())
    rig.clock.advance(120)
    rig.tick("A")
    opened = resumed(rig, {"A": (1, 1)}, hours=hours)

    assert before == []
    expected = [("A", "OUTSIDE_WINDOW", 2, 2), ("A", "LIVE", 3, 3), ("A", "LIVE", 4, 4)]
    assert told(closed.take()) == expected
    assert told(opened.take()) == [
        (stock, kind.replace("LIVE", "REPLAY"), *numbers) for stock, kind, *numbers in expected
    ]


def test_slow_reader_of_a_long_replay() -> None:
    """A replay of many messages goes on as the reader takes them, and what comes meanwhile follows it."""
    rig = FanoutRig("A", pending_limit=50_000)
    for number in range(1, 20_001):
        rig.hub.publish([accepted("A", number, number, rig.clock.wall())])
    sink = RecordingSink()
    sink.stall()
    resumed(rig, {"A": (1, 1)}, sink=sink)
    sink.release(1)
    for number in range(20_001, 20_011):
        for watch in rig.hub.publish([accepted("A", number, number, rig.clock.wall())]):
            watch.pull()
    sink.release()
    messages = sink.take()
    updates = [update.tick_number for message in messages for update in message.updates]

    assert updates == list(range(2, 20_011))
    assert replayed_count(messages) == 19_999
    assert {message.kind for message in messages if message.updates} == {REPLAY, LIVE}


def test_leaving_during_a_replay() -> None:
    """A stock that is followed no longer is not replayed any further."""
    rig = FanoutRig("A")
    rig.tick("A"), rig.tick("A")
    sink = RecordingSink()
    sink.stall()
    resumed(rig, {"A": (1, 1)}, sink=sink)
    rig.delete("A")
    sink.release()

    assert told(sink.take()) == []
