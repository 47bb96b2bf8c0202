"""The way of a message into the buffer of a watch: decoded, accounted for, put in order. Pure: no I/O, no clock."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta

from ticker.v1 import tick_pb2
from ticker.v1 import watch_service_pb2 as wire

from ticker_client.buffer import EventBuffer
from ticker_client.continuity import Continuity
from ticker_client.decoding import change_of, gap_of, go_away_of, heartbeat_of, kind_of, opened_of
from ticker_client.events import (
    CaughtUp,
    Disconnected,
    FeedChanged,
    FeedState,
    GoAway,
    Opened,
    Reconnected,
    StockChanged,
    StockJoined,
    StockLeft,
    Update,
    UpdateKind,
    WatchedStock,
)
from ticker_client.instants import nanoseconds_of
from ticker_client.reasons import GapReason
from ticker_client.replay import Replay
from ticker_client.resume import Resume

__all__ = ["HEARTBEATS_PER_PROMISE", "Intake"]

HEARTBEATS_PER_PROMISE = 3
"""How many heartbeat intervals a server has before its silence is a fault, until a heartbeat says it itself."""


class Intake:
    """Takes the messages of one watch, in order, into its buffer; and remembers how far the watch has come.

    A watch may have several streams, one after the other. What changed between two of them is told as if it had
    happened on a stream: StockJoined, StockChanged, StockLeft.
    """

    def __init__(
        self,
        buffer: EventBuffer,
        continuity: Continuity,
        resume: Resume | None = None,
        replay: Replay | None = None,
    ) -> None:
        self._buffer = buffer
        self._continuity = continuity
        self.replay = replay
        """How far the watch has come in the past that it asked for; None = it did not ask."""
        self._feed = FeedState.LIVE
        self._followed: dict[str, WatchedStock] = {}
        self._unconfirmed: dict[str, None] = {}
        """The stocks that are known from before, and that the stream has not named yet."""
        self._log_epoch = ""
        self._is_another = False
        """Whether there was a stream before this one."""
        self.opened: Opened | None = None
        """The `opened` of the newest stream; where it came in several, all of them as one."""
        self.is_open = False
        """Whether the stream has been opened."""
        self.caught_up = False
        """Whether every stock's state has been told on this stream."""
        self.replayed_count = 0
        """How many ticks of the past the stream brought, without those that were seen before."""
        self._repeated_count = 0
        self.go_away: GoAway | None = None
        """Why the server is about to end the stream."""
        self.next_within = timedelta()
        """How long the server may be silent; zero until it has promised anything."""
        self.dropped = 0
        """How many updates were dropped because they repeated what was seen, or came too late."""
        if resume is not None and resume.log_epoch:
            self._log_epoch = resume.log_epoch
            self._continuity.restore(resume.positions)
            self._unconfirmed = dict.fromkeys(position.stock_id for position in resume.positions)

    def begin(self) -> None:
        """Note that another stream begins."""
        self._is_another = self.opened is not None
        self.is_open = self.caught_up = False
        self.replayed_count, self._repeated_count, self.go_away, self.next_within = 0, 0, None, timedelta()
        self._unconfirmed |= dict.fromkeys(self._followed)
        self._continuity.reopen()

    @property
    def followed(self) -> Collection[str]:
        """The stocks that the watch follows, as far as streams have named them."""
        return self._followed.keys()

    @property
    def refused(self) -> set[str]:
        """The stocks that the newest stream refused."""
        return set() if self.opened is None else {refusal.stock_id for refusal in self.opened.refusals}

    def resume(self) -> Resume:
        """Return from where the next stream has to go on."""
        return Resume(self._log_epoch, self._continuity.positions())

    def tell(self, event: Disconnected | Reconnected) -> None:
        """Tell how the watch itself is, in its place between the other events. Raises ReaderTooSlow."""
        self._buffer.put(event)

    def start_anew(self) -> None:
        """Note that the server does not know the positions: the next stream begins with the state of each stock."""
        self._continuity.start_anew(GapReason.LOG_REPLACED)

    def take(self, message: wire.WatchStocksResponse) -> None:
        """Take one message. Raises ReaderTooSlow, see EventBuffer."""
        self._buffer.is_past = message.kind == wire.UPDATE_KIND_REPLAY
        if message.HasField("opened"):
            self._take_opened(message.opened)
        for change in message.changes:
            self._take_change(change)
        for gap in message.gaps:
            self._take_gap(gap)
        if message.updates:
            self._take_updates(message)
        if message.HasField("caught_up"):
            self._take_caught_up(message.caught_up)
        if message.HasField("heartbeat"):
            self._take_heartbeat(message.heartbeat)
        if message.HasField("go_away"):
            self.go_away = go_away_of(message.go_away)
            self._buffer.put(self.go_away)

    def _take_opened(self, message: wire.Opened) -> None:
        opened = opened_of(message)
        if self.is_open and not opened.log_epoch:  # it goes on with further stocks, and names the watch alone
            opened = replace(opened, log_epoch=self._log_epoch)
        if self._log_epoch and opened.log_epoch != self._log_epoch:
            self._continuity.start_anew(GapReason.LOG_REPLACED, wholly=self.replay is not None)
        self._log_epoch = opened.log_epoch
        self._buffer.put(opened)
        for stock in opened.stocks:
            self._confirm(stock)
        if self.opened is None or not self.is_open:
            self.opened, self.is_open = opened, True
            self.next_within = HEARTBEATS_PER_PROMISE * opened.heartbeat_interval
            return
        stocks, refusals = self.opened.stocks + opened.stocks, self.opened.refusals + opened.refusals
        self.opened = replace(self.opened, stocks=stocks, refusals=refusals)

    def _take_change(self, message: wire.WatchChange) -> None:
        change = change_of(message)
        if change is None:
            return
        self._unconfirmed.pop(change.stock_id, None)
        if isinstance(change, StockJoined | StockChanged):
            stock = change.stock
            self._followed[stock.stock_id] = stock
            self._continuity.change(stock.stock_id, every_tick=stock.every_tick, has_price=stock.has_price)
        else:
            self._followed.pop(change.stock_id, None)
            self._continuity.leave(change.stock_id)
        self._buffer.put(change)

    def _take_gap(self, message: wire.Gap) -> None:
        gap = self._continuity.untold(gap_of(message))
        if gap is None:
            return
        unexplained = self._continuity.explain(gap)
        if unexplained is not None:
            self._buffer.put_gap(unexplained)
        self._buffer.put_gap(gap)

    def _take_caught_up(self, message: wire.CaughtUp) -> None:
        for stock_id in self._unconfirmed:
            self._continuity.leave(stock_id)
            if self._followed.pop(stock_id, None) is not None:
                self._buffer.put(StockLeft(stock_id))
        self._unconfirmed.clear()
        for gap in self._continuity.owed():
            self._buffer.put_gap(gap)
        self.caught_up, self.replayed_count = True, max(0, message.replayed_count - self._repeated_count)
        self._buffer.put(CaughtUp(self.replayed_count))

    def _take_updates(self, message: wire.WatchStocksResponse) -> None:
        kind, sent_time_ns = kind_of(message.kind), nanoseconds_of(message.sent_time)
        for update in message.updates:
            stock_id = update.stock_id
            accounted = self._continuity.account(stock_id, update.sequence, update.tick_number, kind)
            if accounted is None or not self._is_asked_for(update, kind):
                self.dropped += 1
                self._repeated_count += kind is UpdateKind.REPLAY
                continue
            if accounted.gap is not None:
                self._buffer.put_gap(accounted.gap)
            self._buffer.put_update(
                Update(update, UpdateKind.REPLAY if accounted.is_replay else kind, accounted.superseded, sent_time_ns),
                every_tick=self._continuity.is_every_tick(stock_id),
            )

    def _is_asked_for(self, update: tick_pb2.StockUpdate, kind: UpdateKind) -> bool:
        if self.replay is None:
            return True
        self.replay.take(update)
        return kind is not UpdateKind.REPLAY or self.replay.covers(update)

    def _take_heartbeat(self, message: wire.Heartbeat) -> None:
        heartbeat = heartbeat_of(message)
        self.next_within = heartbeat.next_within or self.next_within
        if heartbeat.feed is not self._feed:
            self._feed = heartbeat.feed
            self._buffer.put(FeedChanged(heartbeat.feed, heartbeat.feed_since))
        self._buffer.put(heartbeat)
        if self.replay is not None and self.caught_up and message.HasField("read_through"):
            self.replay.take_through(nanoseconds_of(message.read_through))

    def _confirm(self, stock: WatchedStock) -> None:
        """Take a stock that the stream follows from its beginning on; tell what is new in that."""
        before = self._followed.get(stock.stock_id)
        self._unconfirmed.pop(stock.stock_id, None)
        self._followed[stock.stock_id] = stock
        self._continuity.follow(stock.stock_id, every_tick=stock.every_tick, has_price=stock.has_price)
        if not self._is_another:
            return
        if before is None:
            self._buffer.put(StockJoined(stock))
        elif (before.every_tick, before.frequency) != (stock.every_tick, stock.frequency):
            self._buffer.put(StockChanged(stock))
