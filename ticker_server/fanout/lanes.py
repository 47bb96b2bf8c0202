"""The lanes of a watch: stocks of equal frequency share one beat, and so one message.

A lane pulls: at its beat it compares the hub's newest tick of its stocks with what was sent last. Its cost does not
depend on the rate of ticks, and a slow reader holds nothing.
"""

from __future__ import annotations

from collections.abc import MutableSequence

from ticker_server.fanout.following import Following
from ticker_server.fanout.message import Message
from ticker_server.fanout.scheduler import Puller
from ticker_server.fanout.station import Station
from ticker_server.model.beat import MIN_SPACING_PERCENT, next_beat, phase_of

__all__ = ["AllStocksLane", "Beat", "ListedLane"]


class Beat:
    """When a lane is due: the later of the next grid beat and the last sent + 0.9 x frequency.

    So LIVE updates of one stock keep that distance, and what changed is sent at most 2 x frequency later.
    """

    __slots__ = ("_earliest", "_frequency", "_phase")

    def __init__(self, frequency: int, identity: str) -> None:
        self._frequency = frequency
        self._phase = phase_of(identity, frequency)
        self._earliest = 0

    def note_sent(self, monotonic: int) -> None:
        """Note that LIVE updates left at a monotonic instant."""
        self._earliest = monotonic + self._frequency * MIN_SPACING_PERCENT // 100

    def next_deadline(self, monotonic: int, wall: int) -> int:
        """Return the monotonic instant at which the lane is due next, given the present one and its wall time."""
        return max(monotonic + next_beat(wall, self._frequency, self._phase) - wall, self._earliest)


class ListedLane:
    """Stocks of one watch with one frequency: each is compared at each beat.

    Made on first use; at its beat it puts itself among the lanes that are `due` and stays there until `take` has
    offered all. `identity` sets the phase of its beats.
    """

    __slots__ = ("_beat", "_due", "_left", "_scheduler", "followings", "frequency", "watch")

    def __init__(
        self, watch: Puller, frequency: int, identity: str, station: Station, due: MutableSequence[ListedLane]
    ) -> None:
        self.watch = watch
        self.frequency = frequency
        self.followings: dict[str, Following] = {}
        self._beat = Beat(frequency, identity)
        self._due = due
        self._left: list[Following] | None = None
        self._scheduler = station.scheduler
        clock = station.clock
        self._scheduler.at(self._beat.next_deadline(clock.monotonic(), clock.wall()), self)

    def mark_due(self) -> None:
        """Note that the beat has come."""
        self._due.append(self)

    def take(self, message: Message) -> bool:
        """Offer the newest tick of each stock that changed; wait for the next beat, unless the message is full.

        Then return False: what was refused is due for the next message, and no stock is sent twice for one beat.
        """
        candidates = self._candidates() if self._left is None else self._left
        self._left = None
        sent = False
        for index, following in enumerate(candidates):
            tick = following.news
            if tick is not None:
                if not message.offer_live(following, tick):
                    self._left = candidates[index:]
                    break
                sent = True
        if sent:
            self._beat.note_sent(message.monotonic)
        if self._left is not None:
            return False
        self._scheduler.at(self._beat.next_deadline(message.monotonic, message.wall), self)
        return True

    def close(self) -> None:
        """Leave the scheduler."""
        self._scheduler.cancel(self)

    def _candidates(self) -> list[Following]:
        return list(self.followings.values())


class AllStocksLane(ListedLane):
    """All stocks: the hub tells what changed since the last beat, instead of comparing each."""

    __slots__ = ("_hub", "_version")

    def __init__(
        self, watch: Puller, frequency: int, identity: str, station: Station, due: MutableSequence[ListedLane]
    ) -> None:
        super().__init__(watch, frequency, identity, station, due)
        self._hub = station.hub
        self._version = self._hub.version

    def _candidates(self) -> list[Following]:
        changed = self._hub.changed_since(self._version)
        self._version = self._hub.version
        return [self.followings[quote.stock_id] for quote in changed if quote.stock_id in self.followings]
