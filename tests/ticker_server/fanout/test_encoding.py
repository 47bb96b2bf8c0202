"""Encoding: fragments that join to one message."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st
from ticker.v1 import watch_service_pb2

from tests.support.fanout_rig import accepted
from ticker_server.fanout.encoding import (
    LIVE,
    SNAPSHOT,
    duration,
    fragment,
    sent_time_piece,
    stock_update,
    timestamp,
)
from ticker_server.fanout.pieces import caught_up_piece
from ticker_server.model.tick import AcceptedTick

Response = watch_service_pb2.WatchStocksResponse
INSTANTS = st.integers(0, 4_000_000_000_000_000_000)


def test_timestamp_keeps_nanoseconds() -> None:
    """A timestamp has the seconds and nanoseconds of the instant."""
    moment = timestamp(1_772_452_800_123_456_789)

    assert (moment.seconds, moment.nanos) == (1_772_452_800, 123_456_789)
    assert moment.ToDatetime(UTC) == datetime(2026, 3, 2, 12, 0, 0, 123_456, UTC)


def test_duration_keeps_nanoseconds() -> None:
    """A duration has the seconds and nanoseconds of the length."""
    length = duration(15_000_000_001)

    assert (length.seconds, length.nanos) == (15, 1)


@given(INSTANTS)
def test_sent_time_is_encoded_afresh(instant: int) -> None:
    """The moment of sending is that of this message, whatever an earlier one was."""
    sent_time_piece(instant ^ 0xFFFF_FFFF_FFFF)

    assert Response(sent_time=timestamp(instant)) == Response.FromString(sent_time_piece(instant))


def test_fragment_has_all_of_a_tick() -> None:
    """A fragment is one update with every field of its tick, the digits of the price as they were sent."""
    tick = AcceptedTick("BRK.B", "467.4200", "", 1_000_000_001, 2_000_000_002, 77, 5)
    (update,) = Response.FromString(fragment(tick)).updates

    assert (update.stock_id, update.price, update.size) == ("BRK.B", "467.4200", "")
    assert (timestamp(1_000_000_001), timestamp(2_000_000_002)) == (update.trade_time, update.accept_time)
    assert (update.sequence, update.tick_number) == (77, 5)


def test_fragment_is_encoded_once() -> None:
    """All watches share the bytes of a tick."""
    tick = accepted("A", 1, 1)

    assert fragment(tick) is fragment(tick)


@given(st.lists(st.integers(1, 1_000_000), max_size=20, unique=True))
def test_parts_join_to_one_message(sequences: list[int]) -> None:
    """The join of kind, fragments and caught_up is one message with all of them in their order."""
    parts = [LIVE, *(fragment(accepted("A", sequence, sequence)) for sequence in sequences), caught_up_piece(0)]
    message = Response.FromString(b"".join(parts))

    assert message.kind == watch_service_pb2.UPDATE_KIND_LIVE
    assert sequences == [update.sequence for update in message.updates]
    assert message.HasField("caught_up")
    assert Response.FromString(SNAPSHOT).kind == watch_service_pb2.UPDATE_KIND_SNAPSHOT


def test_update_keeps_digits_and_numbers() -> None:
    """A tick is told with the digits, times and numbers it has."""
    message = stock_update(AcceptedTick("AAPL", "167.420", "", 1_999_999_999, 2_000_000_000, 42, 7))

    assert (message.stock_id, message.price, message.size) == ("AAPL", "167.420", "")
    assert message.trade_time.ToNanoseconds() == 1_999_999_999
    assert message.accept_time.ToNanoseconds() == 2_000_000_000
    assert (message.sequence, message.tick_number) == (42, 7)
