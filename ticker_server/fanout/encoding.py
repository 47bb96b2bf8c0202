"""Messages as joins of ready fragments.

Serialised protobuf messages concatenate: the join of several serialised WatchStocksResponse pieces is one
WatchStocksResponse with all their fields. So a tick is encoded once, on first use, and a message is a join.
"""

from __future__ import annotations

from collections.abc import Callable

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from ticker.v1 import tick_pb2, watch_service_pb2

from ticker_server.model.tick import AcceptedTick

__all__ = [
    "LIVE",
    "MAX_MESSAGE_BYTES",
    "REPLAY",
    "SNAPSHOT",
    "duration",
    "fragment",
    "piece",
    "sent_time_piece",
    "stock_update",
    "timestamp",
]

MAX_MESSAGE_BYTES = 256 * 1024
"""No message of a watch is larger."""

_SECOND = 1_000_000_000


def timestamp(instant: int) -> Timestamp:
    """Return nanoseconds since the epoch as a Timestamp."""
    seconds, nanos = divmod(instant, _SECOND)
    return Timestamp(seconds=seconds, nanos=nanos)


def duration(length: int) -> Duration:
    """Return nanoseconds, zero or more, as a Duration."""
    seconds, nanos = divmod(length, _SECOND)
    return Duration(seconds=seconds, nanos=nanos)


piece: Callable[..., watch_service_pb2.WatchStocksResponse] = watch_service_pb2.WatchStocksResponse
"""One or a few fields of a message; `SerializeToString()` makes it a part."""

SNAPSHOT = piece(kind=watch_service_pb2.UPDATE_KIND_SNAPSHOT).SerializeToString()
REPLAY = piece(kind=watch_service_pb2.UPDATE_KIND_REPLAY).SerializeToString()
LIVE = piece(kind=watch_service_pb2.UPDATE_KIND_LIVE).SerializeToString()

_sent = piece()


def sent_time_piece(instant: int) -> bytes:
    """Encode the moment of sending. It is part of every message, so one message object serves them all."""
    _sent.sent_time.seconds, _sent.sent_time.nanos = divmod(instant, _SECOND)
    return _sent.SerializeToString()


def stock_update(tick: AcceptedTick) -> tick_pb2.StockUpdate:
    """Return an accepted tick as the API tells it."""
    return tick_pb2.StockUpdate(
        stock_id=tick.stock_id,
        price=tick.price,
        size=tick.size,
        trade_time=timestamp(tick.trade_time),
        accept_time=timestamp(tick.accept_time),
        sequence=tick.sequence,
        tick_number=tick.tick_number,
    )


def fragment(tick: AcceptedTick) -> bytes:
    """Return a tick as one `updates` entry of a message; encoded on first use and shared by all watches."""
    if not tick.fragment:
        tick.fragment = piece(updates=(stock_update(tick),)).SerializeToString()
    return tick.fragment
