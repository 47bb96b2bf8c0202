"""The heartbeat of a watch: when it is due, and what it says."""

from __future__ import annotations

from dataclasses import replace

from ticker_server.fanout.pieces import heartbeat_piece
from ticker_server.fanout.roster import Roster
from ticker_server.fanout.scheduler import GONE, Puller
from ticker_server.fanout.station import Station
from ticker_server.model.beat import next_beat, phase_of

__all__ = ["Heartbeat"]


class Heartbeat:
    """Due at each interval (nanoseconds), whatever else is sent.

    Its instants have the phase of the watch's beats, so that where one interval divides the other both are one message.
    """

    __slots__ = ("_interval", "_phase", "_station", "is_due", "watch")

    def __init__(self, watch: Puller, interval: int, identity: str, station: Station) -> None:
        self.watch = watch
        self.is_due = False
        self._interval = interval
        self._phase = phase_of(identity, interval)
        self._station = station

    def schedule(self) -> None:
        """Wait for the next one."""
        monotonic, wall = self._station.clock.monotonic(), self._station.clock.wall()
        self._station.scheduler.at(monotonic + next_beat(wall, self._interval, self._phase) - wall, self)

    def mark_due(self) -> None:
        """Note that its instant has come."""
        self.is_due = True

    def take(self, roster: Roster, now: int) -> bytes:
        """Return the heartbeat that is due, as of now (nanoseconds since the epoch), and wait for the next one.

        What waits for a slow reader of every tick is read but not delivered, so `read_through` stops before it.
        """
        self.is_due = False
        self.schedule()
        feed = self._station.feed_status()
        oldest = roster.oldest_pending
        if oldest is not None and oldest < feed.read_through:
            feed = replace(feed, read_through=oldest)
        return heartbeat_piece(now, self._interval, feed, len(roster.followings), roster.closed())

    def close(self) -> None:
        """Leave the scheduler and the watch."""
        self._station.scheduler.cancel(self)
        self.watch = GONE
