"""A watch with an end: it gets what was accepted before it, and is then told that this was all."""

from __future__ import annotations

from ticker.v1 import watch_service_pb2

from tests.support.fanout_rig import SECOND, FanoutRig
from tests.support.recording_sink import RecordingSink
from tests.support.resumption import replayed_count, resumed, told


def ends(sink: RecordingSink) -> list[str]:
    """Return why the stream goes away, once it has ended well."""
    assert not sink.ended or sink.error is None
    reasons = [message.go_away.reason for message in sink.messages if message.HasField("go_away")]
    assert len(reasons) == sink.ended
    return [watch_service_pb2.GoAwayReason.Name(reason) for reason in reasons]


def filled(rig: FanoutRig, count: int) -> int:
    """Publish ticks a second apart, and return the accept time of the middle one."""
    for _ in range(count):
        rig.tick("A")
        rig.clock.advance(1)
    return rig.ticks["A"][count // 2].accept_time


def test_end_in_the_past() -> None:
    """What was accepted before the end is replayed from memory, then comes REPLAY_COMPLETE and the end of the stream."""
    rig = FanoutRig("A")
    end = filled(rig, 10)
    sink = resumed(rig, {"A": (2, 0)}, end_time=end)
    rig.clock.advance(1)
    rig.tick("A")

    assert ends(sink) == ["GO_AWAY_REASON_REPLAY_COMPLETE"]
    assert replayed_count(sink.messages) == 3
    assert [number for _, kind, number, _ in told(sink.take()) if kind == "REPLAY"] == [3, 4, 5]


def test_end_within_the_log() -> None:
    """The log is not read any further than the end, however far memory is from there."""
    rig = FanoutRig("A", kept=1)
    end = filled(rig, 10)
    sink = resumed(rig, {"A": (2, 0)}, end_time=end, rereads=False)
    (rereading,) = rig.rereadings
    rereading.begin(0)
    rereading.take(rig.ticks["A"][2:6], 6)
    rig.clock.advance(1)

    assert rereading.closed
    assert ends(sink) == ["GO_AWAY_REASON_REPLAY_COMPLETE"]
    assert [number for *_, number in told(sink.take())] == [3, 4, 5]


def test_end_that_is_yet_to_come() -> None:
    """Until its end a watch goes live; it ends when all that was accepted before it has been read, not before."""
    rig = FanoutRig("A")
    filled(rig, 3)
    sink = resumed(rig, {"A": (2, 0)}, end_time=rig.clock.wall() + 2 * SECOND)
    rig.clock.advance(1)
    rig.tick("A")
    rig.clock.advance(0.99)
    before = ends(sink)
    rig.clock.advance(0.5)
    rig.tick("A")

    assert before == []
    assert ends(sink) == ["GO_AWAY_REASON_REPLAY_COMPLETE"]
    assert told(sink.take()) == [("A", "REPLAY", 3, 3), ("A", "LIVE", 4, 4)]


def test_feed_that_is_behind() -> None:
    """While the log has not been read through the end there may be more before it."""
    rig = FanoutRig("A")
    end = filled(rig, 3) + SECOND
    rig.read_through = end - 1
    sink = resumed(rig, {"A": (2, 0)}, end_time=end)
    rig.clock.advance(5)
    before = ends(sink)
    rig.read_through = end
    rig.clock.advance(1)

    assert before == []
    assert ends(sink) == ["GO_AWAY_REASON_REPLAY_COMPLETE"]


def test_slow_reader_gets_everything_before_the_end() -> None:
    """REPLAY_COMPLETE comes behind what a slow reader has still to get."""
    rig = FanoutRig("A")
    end = filled(rig, 6)
    sink = RecordingSink()
    sink.stall()
    resumed(rig, {"A": (1, 0)}, end_time=end, sink=sink)
    rig.clock.advance(3)
    sink.release()

    assert [number for *_, number in told(sink.messages)] == [2, 3]
    assert ends(sink) == ["GO_AWAY_REASON_REPLAY_COMPLETE"]
    assert len(rig.scheduler) == 0
