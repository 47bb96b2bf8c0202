"""A tick in a record, both ways."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st
from ticker.v1 import tick_pb2

from ticker_server.feed.kafka.records import MAX_VALUE_BYTES, decode, encode
from ticker_server.model.acceptance import Acceptance, Reason, Record
from ticker_server.model.partition import home_partition
from ticker_server.model.tick import AcceptedTick, Tick

SEQUENCES = st.integers(1, 2**63 - 1)
IDS = st.from_regex(r"[A-Z0-9][A-Z0-9.-]{0,15}", fullmatch=True)
PRICES = st.from_regex(r"[1-9][0-9]{0,11}(\.[0-9]{1,9})?", fullmatch=True)
TICKS = st.builds(
    Tick,
    IDS,
    PRICES,
    st.one_of(st.just(""), PRICES),
    st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)),
    st.just("publisher-1"),
    SEQUENCES,
)


@given(TICKS, st.integers(0, 31), st.integers(0, 2**62), st.integers(0, 2**41))
def test_what_was_encoded_is_decoded(tick: Tick, partition: int, offset: int, timestamp_ms: int) -> None:
    """A tick comes out of its record as it went in, to the last digit and nanosecond."""
    key, value = encode(tick)

    record = decode(partition, offset, timestamp_ms, key, value)

    assert record == Record(partition, offset + 1, timestamp_ms * 1_000_000, tick.stock_id, tick)


@given(st.binary(max_size=200), st.one_of(st.none(), st.binary(max_size=20)))
@example(b"", b"")
@example(b"\x0a\x01\xff", b"A")
@example(tick_pb2.Tick(stock_id="A", price="1", publisher_sequence=2**64 - 1).SerializeToString(), b"A")
def test_no_bytes_break_the_fold(value: bytes, key: bytes | None) -> None:
    """Whatever stands in a record is a tick or has a reason why not."""
    decoded = decode(0, 0, 0, key, value)

    verdict = decoded if isinstance(decoded, Reason) else Acceptance(1).accept(decoded)
    assert isinstance(verdict, AcceptedTick | Reason)


def test_nothing_and_too_much() -> None:
    """A tombstone and a value beyond the limit have reasons of their own."""
    assert decode(0, 0, 0, b"A", None) is Reason.TOMBSTONE
    assert decode(0, 0, 0, b"A", bytes(MAX_VALUE_BYTES + 1)) is Reason.TOO_LARGE
    assert decode(0, 0, 0, b"\xff", encode(Tick("A", "1"))[1]) is Reason.WRONG_KEY


def test_nanoseconds_out_of_their_second() -> None:
    """A time whose nanoseconds are no fraction of a second is malformed."""
    message = tick_pb2.Tick(stock_id="A", price="1")
    for nanos in (-1, 1_000_000_000):
        message.trade_time.nanos = nanos
        assert decode(0, 0, 0, b"A", message.SerializeToString()) is Reason.MALFORMED


def test_key_is_what_partitioners_hash() -> None:
    """The key is the stock's id, so that partitioners of other programs find its home."""
    key, _ = encode(Tick("BRK.B", "1"))

    assert key == b"BRK.B"
    assert home_partition("BRK.B", 32) == home_partition(key.decode(), 32)
