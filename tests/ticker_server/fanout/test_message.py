"""Messages: what fits, what kind, what gap."""

from __future__ import annotations

from ticker.v1 import watch_service_pb2

from tests.support.fanout_rig import accepted
from ticker_server.fanout.encoding import MAX_MESSAGE_BYTES, timestamp
from ticker_server.fanout.following import Following
from ticker_server.fanout.hub import Quote
from ticker_server.fanout.message import Message
from ticker_server.fanout.pieces import caught_up_piece
from ticker_server.fanout.registry import ALWAYS
from ticker_server.model.subscription import EVERY_TICK


def parsed(message: Message) -> watch_service_pb2.WatchStocksResponse:
    """Return a message as its reader gets it."""
    data = b"".join(message.finish())
    assert len(data) <= MAX_MESSAGE_BYTES
    return watch_service_pb2.WatchStocksResponse.FromString(data)


def test_moment_is_that_of_its_making() -> None:
    """A message is sent, by its own account, when it was begun, so that spacing is kept to the nanosecond."""
    assert timestamp(1_772_452_800_123_456_789) == parsed(Message(0, 1_772_452_800_123_456_789)).sent_time


def test_kind_is_that_of_its_updates() -> None:
    """A message tells its kind once, and none without updates."""
    live, snapshot, empty = Message(0, 0), Message(0, 0), Message(0, 0)
    following = Following(Quote("A"), 1, ALWAYS)
    live.offer_live(following, accepted("A", 1, 1))
    live.offer_live(following, accepted("A", 2, 2))
    snapshot.offer_snapshot(following, accepted("A", 2, 2))

    assert parsed(live).kind == watch_service_pb2.UPDATE_KIND_LIVE
    assert parsed(snapshot).kind == watch_service_pb2.UPDATE_KIND_SNAPSHOT
    assert parsed(empty).kind == watch_service_pb2.UPDATE_KIND_UNSPECIFIED


def test_update_is_remembered_as_sent() -> None:
    """What a message takes is the last one sent of its stock."""
    following = Following(Quote("A"), 1, ALWAYS)
    Message(0, 0).offer_live(following, accepted("A", 7, 3))

    assert (following.last_sequence, following.last_number) == (7, 3)


def test_hole_before_an_every_tick_update_is_told() -> None:
    """With every tick a jump of tick numbers is a gap; with a frequency it is what was superseded."""
    every_tick, frequency = Following(Quote("A"), EVERY_TICK, ALWAYS), Following(Quote("B"), 1, ALWAYS)
    message = Message(0, 0)
    for sequence, number in ((1, 1), (2, 2), (5, 4), (9, 8)):
        message.offer_live(every_tick, accepted("A", sequence, number))
        message.offer_live(frequency, accepted("B", sequence, number))
    read = parsed(message)
    told = [(gap.stock_id, gap.first_missing_tick_number, gap.last_missing_tick_number) for gap in read.gaps]

    assert told == [("A", 3, 3), ("A", 5, 7)]
    assert {gap.reason for gap in read.gaps} == {watch_service_pb2.GAP_REASON_READER_LAGGED}
    assert len(read.updates) == 8


def test_full_message_refuses_and_keeps_room_for_its_end() -> None:
    """No message passes the limit, whatever closes it; what is refused is not remembered as sent."""
    message, following = Message(0, 0), Following(Quote("A"), 1, ALWAYS)
    number = 1
    while message.offer_live(following, accepted("A", number, number)):
        number += 1
    for _ in range(50):
        message.add(caught_up_piece(0))

    assert number - 1 == following.last_number
    assert not message.offer(b"x" * 100)
    read = parsed(message)
    assert number - 1 == len(read.updates)
    assert number > 5000
