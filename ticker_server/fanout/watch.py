"""A watch: one open WatchStocks stream, from the hub to its sink, all of it synchronous.

The order of a stream: opened (several messages if it is large), snapshots, caught_up, then LIVE. Within a message:
opened, changes, gaps, updates, caught_up, heartbeat, go_away, with one kind for all updates. Nothing is queued but
the ticks of every-tick stocks; all else is a note of what is to be told, and is built when the sink can take it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ticker_server.errors import ReaderTooSlow, ServerDraining, TickerError, UserNotFound
from ticker_server.fanout.changes import UntoldChanges
from ticker_server.fanout.departure import Departure
from ticker_server.fanout.encoding import REPLAY, SNAPSHOT
from ticker_server.fanout.ending import Ending
from ticker_server.fanout.following import Following
from ticker_server.fanout.heartbeat import Heartbeat
from ticker_server.fanout.message import Message
from ticker_server.fanout.pieces import (
    ChangeKind,
    GoAwayReason,
    LagPolicy,
    Opening,
    Refusal,
    caught_up_piece,
    go_away_piece,
    opened_piece,
    opening_piece,
)
from ticker_server.fanout.roster import Roster
from ticker_server.fanout.sink import Sink
from ticker_server.fanout.station import Station

__all__ = ["Watch"]


class Watch:
    """One reader and what it follows. `user_id` is empty on an ad-hoc watch.

    `all_stocks_cadence` is that of a watch of all stocks, those created later too; None on every other watch.
    """

    __slots__ = (
        "_caught_up",
        "_changes",
        "_closed",
        "_departure",
        "_ending",
        "_heartbeat",
        "_on_close",
        "_opening",
        "_sink",
        "_station",
        "_told_opening",
        "_unopened",
        "all_stocks_cadence",
        "roster",
        "user_id",
        "watch_id",
    )

    def __init__(
        self,
        station: Station,
        opening: Opening,
        sink: Sink,
        *,
        user_id: str = "",
        all_stocks_cadence: int | None = None,
        on_close: Callable[[Watch], None],
    ) -> None:
        self.watch_id = opening.watch_id
        self.user_id = user_id
        self.all_stocks_cadence = all_stocks_cadence
        identity = user_id or self.watch_id
        self.roster = Roster(
            self, identity, station, all_stocks=all_stocks_cadence is not None, end_time=opening.end_time
        )
        self._station = station
        self._opening = opening
        self._sink = sink
        self._on_close = on_close
        self._heartbeat = Heartbeat(self, opening.heartbeat_interval, identity, station)
        self._ending = Ending(self, opening.end_time, station)
        # What `opened` has still to name, the first one last; None until the stocks to follow are known.
        self._unopened: list[Following | Refusal] | None = None
        self._told_opening = False
        self._changes = UntoldChanges()
        self._caught_up = False
        self._departure = Departure(self, station)
        self._closed = False

    # What comes from the left: the hub, the catalog, the drain.

    def begin(self, followings: Sequence[Following]) -> None:
        """Start with the stocks to follow; nothing is sent before."""
        if self._closed:
            return
        self._unopened = [*self._opening.refusals, *followings]
        self._unopened.reverse()
        for following in followings:
            self.roster.add(following)
        self._heartbeat.schedule()
        self._ending.schedule()
        self._departure.await_age()
        self._sink.on_writable = self.pull
        self.pull()

    def join(self, following: Following) -> None:
        """Follow a stock from now on, or in another way than before; the reader is told, and gets its snapshot."""
        if self._closed or self._departure.error is not None:
            # The user is gone; what a new one of the same id adds is not for this watch.
            return
        if self.roster.remove(following.stock_id):
            self._changes.note_changed(following.stock_id)
        else:
            self._changes.note_joined(following.stock_id)
        self.roster.add(following)
        self.pull()

    def leave(self, stock_id: str, kind: ChangeKind) -> None:
        """Follow a stock no longer, if it was followed; the reader is told."""
        if self.roster.remove(stock_id):
            self._changes.note_gone(stock_id, kind)
            self.pull()

    def note_feed(self) -> None:
        """Tell at the next pull how the feed stands, instead of at the next heartbeat."""
        if self._unopened is not None:
            self._heartbeat.mark_due()

    def end_for_user(self) -> None:
        """Tell that all stocks left, then end with USER_NOT_FOUND."""
        for stock_id in list(self.roster.followings):
            self.roster.remove(stock_id)
            self._changes.note_gone(stock_id, ChangeKind.LEFT)
        self._end_with(b"", UserNotFound(self.user_id))

    def go_away(self, reason: GoAwayReason, reconnect_after: int) -> None:
        """End as planned: tell why and when to come back (nanoseconds from now), then end with OK.

        A watch that has not begun has nothing to tell and ends with SERVER_DRAINING.
        """
        if self._unopened is None:
            self._end(ServerDraining())
        else:
            self._end_with(go_away_piece(reason, reconnect_after), None)

    def close(self) -> None:
        """Release everything; the stream is gone or is ending. Idempotent."""
        if not self._closed:
            self._closed = True
            self.roster.close()
            self._heartbeat.close()
            self._ending.close()
            self._departure.close()
            self._on_close(self)

    # What goes to the right: messages into the sink.

    def pull(self) -> None:
        """Send what is due while the sink takes it; never waits."""
        if self._closed or self._unopened is None:
            return
        if self.roster.has_overflowed and self._opening.lag_policy is LagPolicy.DISCONNECT:
            self._end(ReaderTooSlow(self._station.pending_limit))
            return
        if self._departure.is_overdue:
            self._end_unread()
            return
        clock = self._station.clock
        while True:
            # For a slow reader too: every tick from the opening of a window on is for it.
            now = clock.wall()
            self.roster.turn_windows(now)
            if not (self._sink.writable and self._is_due):
                return
            message = Message(clock.monotonic(), now)
            all_told = self._fill(message)
            if message.parts:
                self._sink.send(message.finish())
            if all_told and self._departure.is_decided:
                self._end(self._departure.error)
            elif not message.parts:
                return  # what is due comes from the log, and has not come yet

    @property
    def _is_due(self) -> bool:
        return bool(
            self.roster.is_due
            or self._heartbeat.is_due
            or self._changes
            or self._unopened
            or not self._caught_up
            or self._ending.has_come
            or self._departure.is_decided
        )

    def _fill(self, message: Message) -> bool:
        """Build a message of what is due; return whether all is told but LIVE updates that did not fit."""
        if not self._tell_opened(message):
            return False
        told = self._changes.tell(message, self.roster.followings, self.user_id) and (
            self.roster.tell_snapshots(message) or self._departure.is_decided
        )
        if told and not self._caught_up and not self._departure.is_decided:
            self._caught_up = True
            message.add(caught_up_piece(self.roster.replayed))
        elif told and self._caught_up and message.kind not in {SNAPSHOT, REPLAY}:
            self.roster.tell_live(message)
        if self._heartbeat.is_due:
            # Also on the long way of a replay: the reader is to know that there is somebody.
            message.add(self._heartbeat.take(self.roster, message.wall))
        if told and self._ending.has_come and self._caught_up and not self.roster.is_due:
            self._departure.decide(go_away_piece(GoAwayReason.REPLAY_COMPLETE, 0), None)
        if told and self._departure.part:
            message.add(self._departure.part)
        return told

    def _tell_opened(self, message: Message) -> bool:
        assert self._unopened is not None
        if not self._told_opening or self._unopened:
            message.add(opening_piece(self._opening, first=not self._told_opening))
            self._told_opening = True
        while self._unopened:
            if not message.offer(opened_piece(self._unopened[-1])):
                return False
            self._unopened.pop()
        return True

    def _end_with(self, part: bytes, error: TickerError | None) -> None:
        if not self._closed:
            self._departure.decide(part, error)
            self.pull()

    def _end_unread(self) -> None:
        """End without the prices that are due: for a reader that does not take them only the end is kept."""
        message = Message(self._station.clock.monotonic(), self._station.clock.wall())
        if self._departure.error is None:
            if not self._told_opening:
                message.add(opening_piece(self._opening, first=True))
            message.add(self._departure.part)
        elif not self._unopened:
            self._changes.tell(message, self.roster.followings, self.user_id)
        self._end(self._departure.error, message.finish() if message.parts else ())

    def _end(self, error: TickerError | None, last: Sequence[bytes] = ()) -> None:
        self.close()
        self._sink.end(error, last)
