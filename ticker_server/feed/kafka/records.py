"""How a tick stands in a Kafka record: key = stock id, value = `ticker.v1.Tick`, both ways. Pure."""

from __future__ import annotations

from google.protobuf.message import DecodeError
from google.protobuf.timestamp_pb2 import Timestamp
from ticker.v1 import tick_pb2

from ticker_server.model.acceptance import Reason, Record
from ticker_server.model.tick import Tick

__all__ = ["MAX_VALUE_BYTES", "decode", "encode"]

MAX_VALUE_BYTES = 4096
"""A tick needs far less; a larger value is skipped unread."""

_SECOND = 1_000_000_000
_MILLISECOND = 1_000_000


def encode(tick: Tick) -> tuple[bytes, bytes]:
    """Return the key and the value of a tick's record."""
    message = tick_pb2.Tick(
        stock_id=tick.stock_id,
        price=tick.price,
        size=tick.size,
        publisher_id=tick.publisher_id,
        publisher_sequence=tick.publisher_sequence,
    )
    if tick.trade_time is not None:
        seconds, nanos = divmod(tick.trade_time, _SECOND)
        message.trade_time.CopyFrom(Timestamp(seconds=seconds, nanos=nanos))
    return tick.stock_id.encode(), message.SerializeToString()


def decode(partition: int, offset: int, timestamp_ms: int, key: bytes | None, value: bytes | None) -> Record | Reason:
    """Return the record as acceptance takes it, or why it cannot be one; `timestamp_ms` is the log's own."""
    if value is None:
        return Reason.TOMBSTONE
    if len(value) > MAX_VALUE_BYTES:
        return Reason.TOO_LARGE
    try:
        message = tick_pb2.Tick.FromString(value)
        text = key.decode() if key is not None else ""
    except DecodeError:
        return Reason.MALFORMED
    except UnicodeDecodeError:
        return Reason.WRONG_KEY
    trade_time: int | None = None
    if message.HasField("trade_time"):
        nanos = message.trade_time.nanos
        if not 0 <= nanos < _SECOND:
            return Reason.MALFORMED
        trade_time = message.trade_time.seconds * _SECOND + nanos
    tick = Tick(
        message.stock_id, message.price, message.size, trade_time, message.publisher_id, message.publisher_sequence
    )
    return Record(partition, offset + 1, timestamp_ms * _MILLISECOND, text, tick)
