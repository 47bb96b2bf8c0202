"""The way of a message into the buffer of a watch: decoded, accounted for, put in order. Pure: no I/O, no clock."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from ticker.v1 import watch_service_pb2 as wire

from ticker_client.buffer import EventBuffer
from ticker_client.continuity import Continuity
from ticker_client.decoding import change_of, gap_of, go_away_of, heartbeat_of, kind_of, opened_of
from ticker_client.events import (
    CaughtUp,
    FeedChanged,
    FeedState,
    GoAway,
    Opened,
    StockChanged,
    StockJoined,
    Update,
)
from ticker_client.instants import nanoseconds_of

__all__ = ["HEARTBEATS_PER_PROMISE", "Intake"]

HEARTBEATS_PER_PROMISE = 3
"""How many heartbeat intervals a server has before its silence is a fault, until a heartbeat says it itself."""


class Intake:
    """Takes the messages of one watch, in order, into its buffer; and remembers how far the watch has come."""

    def __init__(self, buffer: EventBuffer, continuity: Continuity) -> None:
        self._buffer = buffer
        self._continuity = continuity
        self._feed = FeedState.LIVE
        self.opened: Opened | None = None
        """The `opened` of the watch; where it came in several, all of them as one."""
        self.caught_up = False
        """Whether every stock's state has been told."""
        self.go_away: GoAway | None = None
        """Why the server is about to end the watch."""
        self.next_within = timedelta()
        """How long the server may be silent; zero until it has promised anything."""
        self.dropped = 0
        """How many updates were dropped because they repeated what was seen, or came too late."""

    def take(self, message: wire.WatchStocksResponse) -> None:
        """Take one message. Raises ReaderTooSlow, see EventBuffer."""
        if message.HasField("opened"):
            self._take_opened(message.opened)
        for change in message.changes:
            self._take_change(change)
        for gap in message.gaps:
            self._take_gap(gap)
        if message.updates:
            self._take_updates(message)
        if message.HasField("caught_up"):
            self.caught_up = True
            self._buffer.put(CaughtUp())
        if message.HasField("heartbeat"):
            self._take_heartbeat(message.heartbeat)
        if message.HasField("go_away"):
            self.go_away = go_away_of(message.go_away)
            self._buffer.put(self.go_away)

    def _take_opened(self, message: wire.Opened) -> None:
        opened = opened_of(message)
        for stock in opened.stocks:
            self._continuity.follow(stock.stock_id, every_tick=stock.every_tick, has_price=stock.has_price)
        self._buffer.put(opened)
        if self.opened is None:
            self.opened = opened
            self.next_within = HEARTBEATS_PER_PROMISE * opened.heartbeat_interval
            return
        stocks, refusals = self.opened.stocks + opened.stocks, self.opened.refusals + opened.refusals
        self.opened = replace(self.opened, stocks=stocks, refusals=refusals)

    def _take_change(self, message: wire.WatchChange) -> None:
        change = change_of(message)
        if change is None:
            return
        if isinstance(change, StockJoined | StockChanged):
            stock = change.stock
            self._continuity.follow(stock.stock_id, every_tick=stock.every_tick, has_price=stock.has_price)
        else:
            self._continuity.leave(change.stock_id)
        self._buffer.put(change)

    def _take_gap(self, message: wire.Gap) -> None:
        gap = gap_of(message)
        unexplained = self._continuity.explain(gap)
        if unexplained is not None:
            self._buffer.put_gap(unexplained)
        self._buffer.put_gap(gap)

    def _take_updates(self, message: wire.WatchStocksResponse) -> None:
        kind, sent_time_ns = kind_of(message.kind), nanoseconds_of(message.sent_time)
        for update in message.updates:
            stock_id = update.stock_id
            accounted = self._continuity.account(stock_id, update.sequence, update.tick_number, kind)
            if accounted is None:
                self.dropped += 1
                continue
            if accounted.gap is not None:
                self._buffer.put_gap(accounted.gap)
            self._buffer.put_update(
                Update(update, kind, accounted.superseded, sent_time_ns),
                every_tick=self._continuity.is_every_tick(stock_id),
            )

    def _take_heartbeat(self, message: wire.Heartbeat) -> None:
        heartbeat = heartbeat_of(message)
        self.next_within = heartbeat.next_within or self.next_within
        if heartbeat.feed is not self._feed:
            self._feed = heartbeat.feed
            self._buffer.put(FeedChanged(heartbeat.feed, heartbeat.feed_since))
        self._buffer.put(heartbeat)
