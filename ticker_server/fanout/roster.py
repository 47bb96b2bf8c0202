"""The stocks of one watch: their snapshots, their windows, their lanes, and the queue of the every-tick ones."""

from __future__ import annotations

from ticker_server.fanout.catch_up import CatchUp
from ticker_server.fanout.following import Following
from ticker_server.fanout.lanes import AllStocksLane, ListedLane
from ticker_server.fanout.message import Message
from ticker_server.fanout.pending import PendingTicks
from ticker_server.fanout.pieces import GapReason, gap_piece
from ticker_server.fanout.scheduler import GONE, Puller
from ticker_server.fanout.station import Station
from ticker_server.model.subscription import EVERY_TICK
from ticker_server.model.tick import AcceptedTick

__all__ = ["Roster"]


class Roster:
    """What one watch follows, by stock id. `identity` (the user, or the watch if ad hoc) sets the phase of its beats.

    Ticks accepted at `end_time` (nanoseconds) or later are not for it. `replayed` counts the ticks that were sent because a
    position was resumed.
    """

    __slots__ = (
        "_all_stocks",
        "_asked_at",
        "_catch_up",
        "_due_lanes",
        "_end_time",
        "_identity",
        "_lanes",
        "_missed",
        "_next_change",
        "_pending",
        "_put",
        "_station",
        "_unsnapped",
        "followings",
        "replayed",
        "watch",
    )

    def __init__(
        self, watch: Puller, identity: str, station: Station, *, all_stocks: bool, end_time: int | None = None
    ) -> None:
        self.watch = watch
        self.followings: dict[str, Following] = {}
        self._all_stocks = all_stocks
        self._identity = identity
        self._station = station
        self._end_time = end_time
        self.replayed = 0
        # Only while there is something to catch up with: few watches ever have, and there are many.
        self._catch_up: CatchUp | None = None
        self._unsnapped: dict[str, Following] = {}
        self._lanes: dict[int, ListedLane] = {}
        self._due_lanes: list[ListedLane] = []
        self._pending = PendingTicks(station.pending_limit)
        self._put = self._pending.put if end_time is None else self._put_in_time
        # The last tick number that came outside the window, of every-tick stocks whose window opened since.
        self._missed: dict[str, int] = {}
        # What the windows said holds from the one instant to the other.
        self._asked_at = 0
        self._next_change: int | None = None

    @property
    def is_due(self) -> bool:
        """Whether there may be something to tell."""
        return bool(self._due_lanes or self._unsnapped or self._missed or self._pending)

    @property
    def has_overflowed(self) -> bool:
        """Whether more ticks than the limit were ever pending."""
        return self._pending.overflowed

    @property
    def oldest_pending(self) -> int | None:
        """The earliest accept time of what waits for the reader; None if nothing does, 0 if that is not known."""
        # What is still to be told of the past, as state or tick by tick, may be of any age.
        return 0 if self._catch_up is not None or self._unsnapped else self._pending.oldest_accept_time

    def add(self, following: Following) -> None:
        """Follow a stock that is not followed yet; nothing of it is sent before its snapshot."""
        now = self._station.clock.wall()
        following.ask_window(now)
        self._asked_at = max(self._asked_at, now)
        self._await_change(following)
        self.followings[following.stock_id] = following
        if following.resumes and following.cadence == EVERY_TICK:
            self._catch_up = self._catch_up or CatchUp(self.watch, self._station, self._join, self._end_time)
            self._catch_up.add(following)
        else:
            self._unsnapped[following.stock_id] = following
        if following.cadence != EVERY_TICK:
            self._lane(following.cadence).followings[following.stock_id] = following

    def remove(self, stock_id: str) -> bool:
        """Follow a stock no longer; nothing of it is sent any more. Return whether it was followed."""
        following = self.followings.pop(stock_id, None)
        if following is None:
            return False
        following.is_live = False
        self._unsnapped.pop(stock_id, None)
        if self._catch_up is not None:
            self._catch_up.remove(stock_id)
        if following.cadence == EVERY_TICK:
            self._leave(following)
        else:
            del self._lanes[following.cadence].followings[stock_id]
        return True

    def turn_windows(self, now: int) -> None:
        """Open and close what has its time; all windows are asked anew if the wall clock was set back."""
        if self._next_change is None or self._asked_at <= now < self._next_change:
            return
        set_back = now < self._asked_at
        self._asked_at = now
        self._next_change = None
        for following in self.followings.values():
            due = set_back or (following.changes_at is not None and following.changes_at <= now)
            if due and following.ask_window(now) and following.cadence == EVERY_TICK and following.is_live:
                self._enter(following) if following.is_open else self._leave(following)
            self._await_change(following)

    def mark_due(self) -> None:
        """Note that a window may have its time; the pull that follows turns it."""

    def tell_snapshots(self, message: Message) -> bool:
        """Offer the snapshots, and what came after positions, that are still to be sent; return whether that was all."""
        # A long way to catch up comes before what would have live ticks wait meanwhile.
        unsnapped = sorted(self._unsnapped.values(), key=lambda each: (each.cadence == EVERY_TICK, each.resumes))
        for following in unsnapped:
            if following.cadence == EVERY_TICK and not self._caught_up(message):
                return False
            tell = self._tell_newest if following.resumes else self._tell_snapshot
            if not tell(message, following):
                return False
            del self._unsnapped[following.stock_id]
            self._join(following)
        return self._caught_up(message)

    def tell_live(self, message: Message) -> None:
        """Offer what is due: ticks of every-tick stocks in their order, then the newest of each frequency due."""
        if self._missed and not self._tell_missed(message):
            return
        if self._pending:
            self._pending.drain(
                lambda tick, lagged: message.offer_live(self.followings[tick.stock_id], tick, lagged=lagged)
            )
        while self._due_lanes:
            lane = self._due_lanes[-1]
            if not lane.followings:
                # Kept until its beat, so that a stock which came back before had its spacing.
                del self._lanes[lane.frequency]
            elif not lane.take(message):
                return
            self._due_lanes.pop()

    def closed(self) -> list[Following]:
        """Return what is outside its window."""
        return [following for following in self.followings.values() if not following.is_open]

    def close(self) -> None:
        """Leave the hub, the scheduler and the watch; nothing is followed any more.

        What refers to each other here is freed at once then, without waiting for the collector.
        """
        if self._catch_up is not None:
            self._catch_up.close()
        for following in self.followings.values():
            following.quote.receivers.pop(self.watch, None)
        for lane in self._lanes.values():
            lane.close()
        self._station.scheduler.cancel(self)
        self._put = self._pending.put
        for each in (self.followings, self._lanes, self._due_lanes, self._unsnapped):
            each.clear()
        self.watch = GONE

    @staticmethod
    def _tell_snapshot(message: Message, following: Following) -> bool:
        """Offer the newest price. Without one, ticks of a former life of the stock are told as missing, if there are any.

        So the reader can count on from there: numbers go on when a stock is deleted and created again.
        """
        if following.resumed_from_another_log:
            if not message.offer(gap_piece(following, 0, 0, GapReason.LOG_REPLACED)):
                return False
            following.resumed_from_another_log = False
        tick = following.quote.price
        if tick is not None:
            return message.offer_snapshot(following, tick)
        if following.last_number:
            return message.offer(gap_piece(following, 1, following.last_number, GapReason.LOG_TRUNCATED))
        return True

    def _caught_up(self, message: Message) -> bool:
        """Offer what came after positions, every tick; return whether that was all."""
        if self._catch_up is None:
            return True
        if not self._catch_up.tell(message):
            return False
        self.replayed += self._catch_up.told
        self._catch_up.close()
        self._catch_up = None
        return True

    def _tell_newest(self, message: Message, following: Following) -> bool:
        """Offer the newest tick, if it came after the position that a stock with a frequency resumes from."""
        newest = following.quote.price
        if newest is None or newest.sequence <= following.last_sequence:
            return True
        if not message.offer_replay(following, newest):
            return False
        self.replayed += 1
        return True

    def _join(self, following: Following) -> None:
        """Let a stock have what comes from now on."""
        following.is_live = True
        following.resumes = False
        if following.cadence == EVERY_TICK and following.is_open:
            following.quote.receivers[self.watch] = self._put

    def _put_in_time(self, tick: AcceptedTick) -> None:
        if self._end_time is None or tick.accept_time < self._end_time:
            self._pending.put(tick)

    def _tell_missed(self, message: Message) -> bool:
        for stock_id, last in list(self._missed.items()):
            following = self.followings[stock_id]
            # Without a count it is not known which ticks came while the window was closed, nor whether any did.
            first = following.last_number + 1 if last else 0
            if not message.offer(gap_piece(following, first, last, GapReason.OUTSIDE_WINDOW)):
                return False
            following.last_number = last
            del self._missed[stock_id]
        return True

    def _enter(self, following: Following) -> None:
        """Open the window of an every-tick stock: what came while it was closed is missed, but for the newest."""
        following.quote.receivers[self.watch] = self._put
        newest = following.news
        if newest is None:
            return
        if not newest.tick_number:
            self._missed[following.stock_id] = 0
        elif newest.tick_number > following.last_number + 1:
            self._missed[following.stock_id] = newest.tick_number - 1
        self._put(newest)

    def _leave(self, following: Following) -> None:
        following.quote.receivers.pop(self.watch, None)
        self._missed.pop(following.stock_id, None)
        self._pending.drop(following.stock_id)

    def _lane(self, frequency: int) -> ListedLane:
        lane = self._lanes.get(frequency)
        if lane is None:
            kind = AllStocksLane if self._all_stocks else ListedLane
            lane = self._lanes[frequency] = kind(self.watch, frequency, self._identity, self._station, self._due_lanes)
        return lane

    def _await_change(self, following: Following) -> None:
        """Wake the watch when a window has its time, if nothing does so earlier."""
        instant = following.changes_at
        if instant is not None and (self._next_change is None or instant < self._next_change):
            self._next_change = instant
            self._station.scheduler.at_wall(instant, self)
