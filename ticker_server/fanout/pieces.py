"""The pieces of a message that are not updates, encoded: opened, changes, gaps, heartbeat, go_away."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

from ticker.v1 import watch_service_pb2

from ticker_server.fanout.encoding import duration, piece, timestamp
from ticker_server.fanout.following import Following
from ticker_server.model.feed_status import FeedStatus
from ticker_server.model.subscription import EVERY_TICK

__all__ = [
    "ChangeKind",
    "GapReason",
    "GoAwayReason",
    "LagPolicy",
    "Opening",
    "Refusal",
    "caught_up_piece",
    "change_piece",
    "gap_piece",
    "go_away_piece",
    "heartbeat_piece",
    "opened_piece",
    "opening_piece",
]


class ChangeKind(enum.IntEnum):
    """What happened to a stock on an open watch."""

    JOINED = watch_service_pb2.CHANGE_KIND_JOINED
    CHANGED = watch_service_pb2.CHANGE_KIND_CHANGED
    LEFT = watch_service_pb2.CHANGE_KIND_LEFT
    STOCK_DELETED = watch_service_pb2.CHANGE_KIND_STOCK_DELETED


class GapReason(enum.IntEnum):
    """Why ticks are missing."""

    LOG_TRUNCATED = watch_service_pb2.GAP_REASON_LOG_TRUNCATED
    LOG_REPLACED = watch_service_pb2.GAP_REASON_LOG_REPLACED
    READER_LAGGED = watch_service_pb2.GAP_REASON_READER_LAGGED
    OUTSIDE_WINDOW = watch_service_pb2.GAP_REASON_OUTSIDE_WINDOW
    COUNT_LOST = watch_service_pb2.GAP_REASON_COUNT_LOST


class GoAwayReason(enum.IntEnum):
    """Why the server is about to end a stream."""

    DRAINING = watch_service_pb2.GO_AWAY_REASON_DRAINING
    STREAM_AGE = watch_service_pb2.GO_AWAY_REASON_STREAM_AGE
    REPLAY_COMPLETE = watch_service_pb2.GO_AWAY_REASON_REPLAY_COMPLETE


class LagPolicy(enum.IntEnum):
    """What an every-tick watch does when its reader is too slow; UNSPECIFIED where no stock is every-tick."""

    UNSPECIFIED = watch_service_pb2.LAG_POLICY_UNSPECIFIED
    CONFLATE = watch_service_pb2.LAG_POLICY_CONFLATE
    DISCONNECT = watch_service_pb2.LAG_POLICY_DISCONNECT


@dataclass(frozen=True, slots=True)
class Refusal:
    """A stock that was asked for and cannot be followed, and why."""

    stock_id: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Opening:
    """What `opened` says besides the stocks, and when the watch is to end, None = never.

    `heartbeat_interval` is in nanoseconds, `end_time` in nanoseconds since the epoch, and so is `oldest_replay_time`, 0
    where it is not known.
    """

    watch_id: str
    log_epoch: str
    heartbeat_interval: int
    lag_policy: LagPolicy
    server_version: str
    refusals: Sequence[Refusal] = ()
    oldest_replay_time: int = 0
    end_time: int | None = None


def opening_piece(opening: Opening, *, first: bool) -> bytes:
    """Encode the head of `opened`: whole for the first message, the watch id alone for those that follow."""
    if not first:
        return piece(opened=watch_service_pb2.Opened(watch_id=opening.watch_id)).SerializeToString()
    opened = watch_service_pb2.Opened(
        watch_id=opening.watch_id,
        log_epoch=opening.log_epoch,
        heartbeat_interval=duration(opening.heartbeat_interval),
        lag_policy=watch_service_pb2.LagPolicy.ValueType(opening.lag_policy),
        oldest_replay_time=timestamp(opening.oldest_replay_time) if opening.oldest_replay_time else None,
        server_version=opening.server_version,
    )
    return piece(opened=opened).SerializeToString()


def opened_piece(entry: Following | Refusal) -> bytes:
    """Encode one entry of `opened`: a stock that is followed, or one that is not."""
    if isinstance(entry, Following):
        opened = watch_service_pb2.Opened(stocks=(_watched_stock(entry),))
    else:
        refusal = watch_service_pb2.Refusal(stock_id=entry.stock_id, reason=entry.reason, message=entry.message)
        opened = watch_service_pb2.Opened(refusals=(refusal,))
    return piece(opened=opened).SerializeToString()


def change_piece(kind: ChangeKind, stock_id: str, user_id: str, following: Following | None = None) -> bytes:
    """Encode one change; `following` is what is followed from now on, None if nothing."""
    change = watch_service_pb2.WatchChange(
        kind=watch_service_pb2.ChangeKind.ValueType(kind),
        stock_id=stock_id,
        user_id=user_id,
        stock=_watched_stock(following) if following is not None else None,
    )
    return piece(changes=(change,)).SerializeToString()


def gap_piece(following: Following, first: int, last: int, reason: GapReason) -> bytes:
    """Encode a gap: the ticks numbered first to last are not delivered; 0 and 0 where their numbers are not known."""
    gap = watch_service_pb2.Gap(
        stock_id=following.stock_id,
        user_id=following.user_id,
        first_missing_tick_number=first,
        last_missing_tick_number=last,
        reason=watch_service_pb2.GapReason.ValueType(reason),
    )
    return piece(gaps=(gap,)).SerializeToString()


def heartbeat_piece(now: int, interval: int, feed: FeedStatus, stocks: int, closed: Sequence[Following]) -> bytes:
    """Encode a heartbeat: the feed, and how many of the stocks are open or closed by their windows."""
    openings = [following.next_open for following in closed if following.next_open is not None]
    heartbeat = watch_service_pb2.Heartbeat(
        server_time=timestamp(now),
        next_within=duration(3 * interval),
        read_through=timestamp(feed.read_through) if feed.read_through else None,
        feed=watch_service_pb2.FeedState.ValueType(feed.state),
        feed_since=timestamp(feed.since),
        open_stocks=stocks - len(closed),
        closed_stocks=len(closed),
        next_open_time=timestamp(min(openings)) if openings else None,
    )
    return piece(heartbeat=heartbeat).SerializeToString()


def caught_up_piece(replayed: int) -> bytes:
    """Encode that snapshots and replay are complete, and how many ticks were replayed."""
    return piece(caught_up=watch_service_pb2.CaughtUp(replayed_count=replayed)).SerializeToString()


def go_away_piece(reason: GoAwayReason, reconnect_after: int) -> bytes:
    """Encode the notice that the stream ends as planned; `reconnect_after` is in nanoseconds."""
    go_away = watch_service_pb2.GoAway(
        reason=watch_service_pb2.GoAwayReason.ValueType(reason), reconnect_after=duration(reconnect_after)
    )
    return piece(go_away=go_away).SerializeToString()


def _watched_stock(following: Following) -> watch_service_pb2.WatchedStock:
    stock = following.quote.stock
    watched = watch_service_pb2.WatchedStock(
        stock_id=following.stock_id,
        user_id=following.user_id,
        name=stock.name if stock is not None else "",
        currency=stock.currency if stock is not None else "",
        open_now=following.is_open,
        next_open_time=timestamp(following.next_open) if following.next_open is not None else None,
        has_price=following.quote.price is not None,
    )
    if following.cadence == EVERY_TICK:
        watched.every_tick = True
    else:
        watched.frequency.CopyFrom(duration(following.cadence))
    return watched
