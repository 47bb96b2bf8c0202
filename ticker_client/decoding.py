"""The messages of a watch, turned into events."""

from __future__ import annotations

from typing import TypeVar

from ticker.v1 import watch_service_pb2 as wire

from ticker_client.events import (
    FeedState,
    Gap,
    GapReason,
    GoAway,
    GoAwayReason,
    Heartbeat,
    LagPolicy,
    Opened,
    Refusal,
    StockChanged,
    StockDeleted,
    StockJoined,
    StockLeft,
    UpdateKind,
    WatchedStock,
)
from ticker_client.instants import datetime_of, nanoseconds_of, optional_datetime_of, timedelta_of

__all__ = ["change_of", "gap_of", "go_away_of", "heartbeat_of", "kind_of", "opened_of"]

_Word = TypeVar("_Word", UpdateKind, GapReason, GoAwayReason, FeedState)


def _words(names: list[str], prefix: str, kind: type[_Word]) -> list[_Word]:
    """Return the words of a wire enum by its numbers, which count up from 0 without holes."""
    return [kind(name.removeprefix(prefix)) for name in names]


_KINDS = _words(wire.UpdateKind.keys(), "UPDATE_KIND_", UpdateKind)
_GAP_REASONS = _words(wire.GapReason.keys(), "GAP_REASON_", GapReason)
_GO_AWAY_REASONS = _words(wire.GoAwayReason.keys(), "GO_AWAY_REASON_", GoAwayReason)
_FEED_STATES = _words(wire.FeedState.keys(), "FEED_STATE_", FeedState)
_LAG_POLICIES = {wire.LAG_POLICY_CONFLATE: LagPolicy.CONFLATE, wire.LAG_POLICY_DISCONNECT: LagPolicy.DISCONNECT}


def _word(words: list[_Word], number: int) -> _Word:
    return words[number] if number < len(words) else words[0]


def kind_of(number: int) -> UpdateKind:
    """Return why the updates of a message are told."""
    return _word(_KINDS, number)


def opened_of(message: wire.Opened) -> Opened:
    """Return the event of an `opened`."""
    return Opened(
        watch_id=message.watch_id,
        log_epoch=message.log_epoch,
        stocks=tuple(_watched_stock_of(stock) for stock in message.stocks),
        refusals=tuple(Refusal(r.stock_id, r.user_id, r.reason, r.message) for r in message.refusals),
        heartbeat_interval=timedelta_of(message.heartbeat_interval),
        lag_policy=_LAG_POLICIES.get(message.lag_policy),
        server_version=message.server_version,
        oldest_replay_time=optional_datetime_of(
            message.oldest_replay_time, present=message.HasField("oldest_replay_time")
        ),
    )


def change_of(message: wire.WatchChange) -> StockJoined | StockChanged | StockLeft | StockDeleted | None:
    """Return the event of a change; None for a kind that has no meaning for a watch of one user."""
    match message.kind:
        case wire.CHANGE_KIND_JOINED:
            return StockJoined(_watched_stock_of(message.stock))
        case wire.CHANGE_KIND_CHANGED:
            return StockChanged(_watched_stock_of(message.stock))
        case wire.CHANGE_KIND_LEFT:
            return StockLeft(message.stock_id)
        case wire.CHANGE_KIND_STOCK_DELETED:
            return StockDeleted(message.stock_id)
    return None


def gap_of(message: wire.Gap) -> Gap:
    """Return the event of a gap."""
    return Gap(
        stock_id=message.stock_id,
        first_missing_tick_number=message.first_missing_tick_number,
        last_missing_tick_number=message.last_missing_tick_number,
        reason=_word(_GAP_REASONS, message.reason),
    )


def heartbeat_of(message: wire.Heartbeat) -> Heartbeat:
    """Return the event of a heartbeat."""
    return Heartbeat(
        server_time=datetime_of(nanoseconds_of(message.server_time)),
        next_within=timedelta_of(message.next_within),
        read_through=optional_datetime_of(message.read_through, present=message.HasField("read_through")),
        feed=_word(_FEED_STATES, message.feed),
        feed_since=optional_datetime_of(message.feed_since, present=message.HasField("feed_since")),
        open_stocks=message.open_stocks,
        closed_stocks=message.closed_stocks,
        next_open_time=optional_datetime_of(message.next_open_time, present=message.HasField("next_open_time")),
    )


def go_away_of(message: wire.GoAway) -> GoAway:
    """Return the event of a `go_away`."""
    return GoAway(_word(_GO_AWAY_REASONS, message.reason), timedelta_of(message.reconnect_after))


def _watched_stock_of(message: wire.WatchedStock) -> WatchedStock:
    return WatchedStock(
        stock_id=message.stock_id,
        name=message.name,
        currency=message.currency,
        frequency=timedelta_of(message.frequency) if message.HasField("frequency") else None,
        every_tick=message.every_tick,
        open_now=message.open_now,
        next_open_time=optional_datetime_of(message.next_open_time, present=message.HasField("next_open_time")),
        has_price=message.has_price,
    )
