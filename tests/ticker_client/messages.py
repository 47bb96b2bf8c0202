"""Messages of a watch, as a server would send them."""

from __future__ import annotations

from datetime import timedelta

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from ticker.v1 import watch_service_pb2 as wire
from ticker.v1.tick_pb2 import StockUpdate

LIVE, REPLAY, SNAPSHOT = wire.UPDATE_KIND_LIVE, wire.UPDATE_KIND_REPLAY, wire.UPDATE_KIND_SNAPSHOT
SENT_TIME = 1_700_000_000


def duration(span: timedelta) -> Duration:
    """Return a duration of the wire."""
    message = Duration()
    message.FromTimedelta(span)
    return message


def stock_update(stock_id: str, number: int, sequence: int | None = None, price: str = "") -> StockUpdate:
    """Return tick `number` of a stock; the sequence is ten times the number unless it is given."""
    return StockUpdate(
        stock_id=stock_id,
        price=price or f"{number}.50",
        trade_time=Timestamp(seconds=number),
        accept_time=Timestamp(seconds=number, nanos=7),
        sequence=10 * number if sequence is None else sequence,
        tick_number=number,
    )


def watched(stock_id: str, *, every_tick: bool = False, has_price: bool = True) -> wire.WatchedStock:
    """Return a stock as a watch follows it: every tick, or each second."""
    stock = wire.WatchedStock(stock_id=stock_id, name=stock_id, currency="USD", open_now=True, has_price=has_price)
    if every_tick:
        stock.every_tick = True
    else:
        stock.frequency.CopyFrom(duration(timedelta(seconds=1)))
    return stock


def opened(
    *stocks: wire.WatchedStock, heartbeat: timedelta = timedelta(seconds=5), log_epoch: str = "e-1"
) -> wire.WatchStocksResponse:
    """Return the first message of a watch."""
    return wire.WatchStocksResponse(
        opened=wire.Opened(
            watch_id="w-1",
            log_epoch=log_epoch,
            stocks=stocks,
            heartbeat_interval=duration(heartbeat),
            lag_policy=wire.LAG_POLICY_CONFLATE,
            server_version="1.2.3",
        )
    )


def updates(*messages: StockUpdate, kind: wire.UpdateKind.ValueType = LIVE) -> wire.WatchStocksResponse:
    """Return a message of updates."""
    return wire.WatchStocksResponse(kind=kind, updates=messages, sent_time=Timestamp(seconds=SENT_TIME))


def gap(stock_id: str, first: int, last: int, reason: wire.GapReason.ValueType) -> wire.WatchStocksResponse:
    """Return a message of one gap."""
    return wire.WatchStocksResponse(
        gaps=[
            wire.Gap(stock_id=stock_id, first_missing_tick_number=first, last_missing_tick_number=last, reason=reason)
        ]
    )


def change(kind: wire.ChangeKind.ValueType, stock: wire.WatchedStock) -> wire.WatchStocksResponse:
    """Return a message of one change."""
    return wire.WatchStocksResponse(changes=[wire.WatchChange(kind=kind, stock_id=stock.stock_id, stock=stock)])


def caught_up(replayed_count: int = 0) -> wire.WatchStocksResponse:
    """Return the message that ends the snapshots, or the replay of so many ticks."""
    return wire.WatchStocksResponse(caught_up=wire.CaughtUp(replayed_count=replayed_count))


def heartbeat(
    next_within: timedelta = timedelta(seconds=15),
    feed: wire.FeedState.ValueType = wire.FEED_STATE_LIVE,
    read_through: int = SENT_TIME - 1,
) -> wire.WatchStocksResponse:
    """Return a heartbeat."""
    return wire.WatchStocksResponse(
        heartbeat=wire.Heartbeat(
            server_time=Timestamp(seconds=SENT_TIME),
            next_within=duration(next_within),
            read_through=Timestamp(seconds=read_through),
            feed=feed,
            feed_since=Timestamp(seconds=SENT_TIME - 2),
            open_stocks=2,
            closed_stocks=1,
            next_open_time=Timestamp(seconds=SENT_TIME + 60),
        )
    )


def go_away(reason: wire.GoAwayReason.ValueType = wire.GO_AWAY_REASON_DRAINING) -> wire.WatchStocksResponse:
    """Return the message before a planned end."""
    return wire.WatchStocksResponse(
        go_away=wire.GoAway(reason=reason, reconnect_after=duration(timedelta(milliseconds=1500)))
    )
