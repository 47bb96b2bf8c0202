"""The way of a watch that came back: from the log, then from memory, then live, without a seam."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ticker_server.fanout.following import Following
from ticker_server.fanout.message import Message
from ticker_server.fanout.replay import Replay
from ticker_server.fanout.rereading import Rereading
from ticker_server.fanout.scheduler import GONE, Puller
from ticker_server.fanout.station import Station
from ticker_server.model.tick import AcceptedTick

__all__ = ["CatchUp"]

_ROOM = 4_096
"""So many ticks from the log may wait for a reader; half of them, and more is read."""


class CatchUp:
    """The every-tick stocks of one watch that resume, until all that was missed has been told.

    What is not in memory any more is reread from the log, until for every stock the rest is in memory. Then, in one
    step, that rest is taken over and `join` is called for each stock, which lets it have what comes from now on.
    Ticks accepted at `end_time` (nanoseconds) or later are left out. `told` counts the ticks that were sent.
    """

    __slots__ = (
        "_end_time",
        "_ended",
        "_has_begun",
        "_has_joined",
        "_join",
        "_queued",
        "_ready",
        "_replays",
        "_reread_stocks",
        "_rereadings",
        "_station",
        "_watch",
        "followings",
        "told",
    )

    def __init__(
        self, watch: Puller, station: Station, join: Callable[[Following], None], end_time: int | None = None
    ) -> None:
        self.followings: dict[str, Following] = {}
        self.told = 0
        self._watch = watch
        self._station = station
        self._join: Callable[[Following], None] = join
        self._end_time = end_time
        self._replays: dict[str, Replay] = {}
        # Those with something to tell, in the order of it.
        self._ready: dict[str, Replay] = {}
        self._rereadings: list[Rereading] = []
        self._reread_stocks: dict[str, int] = {}
        self._ended: set[int] = set()
        self._queued = 0
        self._has_begun = False
        self._has_joined = False

    def add(self, following: Following) -> None:
        """Catch up with a stock from the position that it resumes from."""
        self.followings[following.stock_id] = following
        self._replays[following.stock_id] = Replay(following)

    def remove(self, stock_id: str) -> None:
        """Leave a stock alone; nothing of it is told any more."""
        if self.followings.pop(stock_id, None) is not None:
            self._queued -= len(self._replays.pop(stock_id))
            self._ready.pop(stock_id, None)

    def tell(self, message: Message) -> bool:
        """Offer what has come; return whether that was all there was up to now, and the rest is live."""
        if not self._has_begun:
            self._has_begun = True
            self._reread(list(self.followings.values()))
        return self._drain(message) and self._join_all() and self._drain(message)

    def close(self) -> None:
        """Want nothing more of the log, and leave the watch."""
        self._stop_rereading()
        self._watch, self._join = GONE, _ignore
        for each in (self.followings, self._replays, self._ready, self._rereadings):
            each.clear()

    def _stop_rereading(self) -> None:
        for rereading in self._rereadings:
            rereading.close()

    def _reread(self, followings: Iterable[Following]) -> bool:
        """Ask for what is not in memory; return whether that is anything."""
        wanted: dict[int, dict[str, int]] = {}
        for following in followings:
            stock_id = following.stock_id
            if not self._is_in_memory(following):
                home = self._station.hub.recent.home(stock_id)
                wanted.setdefault(home, {})[stock_id] = following.last_sequence
        for home, positions in wanted.items():
            rereading = Rereading(home, positions, self._put, self._lose, self._watch.pull)
            self._rereadings.append(rereading)
            self._reread_stocks.update(positions)
            self._station.reread(rereading)
        return bool(wanted)

    def _is_in_memory(self, following: Following) -> bool:
        newest = following.quote.newest
        if newest is None or newest.sequence <= following.last_sequence:
            return True
        recent = self._station.hub.recent
        return recent.follows(following.stock_id, following.last_sequence, following.last_number)

    def _join_all(self) -> bool:
        """Take over the rest from memory, unless some of it is not there yet; return whether it was."""
        if self._has_joined:
            return True
        floor = self._station.hub.recent.floor
        for rereading in self._rereadings:
            if rereading.partition in self._ended:
                rereading.close()
            elif rereading.position < floor(rereading.partition):
                return False
        # Those that were in memory when this began may not be any more.
        if self._reread(each for stock_id, each in self.followings.items() if stock_id not in self._reread_stocks):
            return False
        self._has_joined = True
        self._stop_rereading()
        for stock_id, following in self.followings.items():
            self._take_over(self._replays[stock_id], following)
            self._join(following)
        return True

    def _take_over(self, replay: Replay, following: Following) -> None:
        for tick in self._station.hub.recent.after(following.stock_id, replay.last_sequence):
            if not self._put(tick):
                break
        newest = following.quote.newest
        if newest is not None and self._is_too_late(newest):
            newest = None
        before = len(replay)
        replay.end(newest)
        self._note(following.stock_id, replay, before)
        if newest is not None and not following.last_number and replay.last_sequence == following.last_sequence:
            # The position had no number, and nothing came after it to count on from.
            following.last_number = newest.tick_number

    def _is_too_late(self, tick: AcceptedTick) -> bool:
        return self._end_time is not None and tick.accept_time >= self._end_time

    def _put(self, tick: AcceptedTick) -> bool:
        """Take a tick; return False if neither it nor what follows in its partition is wanted."""
        if self._is_too_late(tick):
            self._ended.add(self._station.hub.recent.home(tick.stock_id))
            return False
        following = self.followings.get(tick.stock_id)
        if following is not None and tick.sequence > following.quote.hidden_through:
            replay = self._replays[tick.stock_id]
            before = len(replay)
            replay.put(tick)
            self._note(tick.stock_id, replay, before)
        return True

    def _lose(self, stock_id: str) -> None:
        if stock_id in self.followings:
            self._replays[stock_id].lose()

    def _note(self, stock_id: str, replay: Replay, before: int) -> None:
        """Note what was added to a replay, or taken from it."""
        self._queued += len(replay) - before
        if len(replay):
            self._ready[stock_id] = replay
        if self._queued >= _ROOM:
            self._set_room(has_room=False)

    def _drain(self, message: Message) -> bool:
        """Offer what waits; return whether that was all."""
        while self._ready:
            stock_id, replay = next(iter(self._ready.items()))
            before, told = len(replay), replay.told
            drained = replay.tell(message)
            self._queued -= before - len(replay)
            self.told += replay.told - told
            if not drained:
                break
            del self._ready[stock_id]
        if self._queued <= _ROOM // 2:
            self._set_room(has_room=True)
        return not self._ready

    def _set_room(self, *, has_room: bool) -> None:
        for rereading in self._rereadings:
            rereading.set_room(has_room=has_room)


def _ignore(_following: Following) -> None:
    """Stand in for `join` after the end."""
