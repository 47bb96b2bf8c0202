"""The end of a watch that was asked for: once everything accepted before an instant has been read."""

from __future__ import annotations

from ticker_server.fanout.scheduler import GONE, Puller
from ticker_server.fanout.station import Station

__all__ = ["Ending"]

_LOOK_AGAIN = 100_000_000
"""The reading is behind the clock by some milliseconds, so it is looked at again after so many nanoseconds."""


class Ending:
    """Whether the log has been read through `end_time` (nanoseconds since the epoch), without which it never is."""

    __slots__ = ("_end_time", "_station", "has_come", "watch")

    def __init__(self, watch: Puller, end_time: int | None, station: Station) -> None:
        self.watch = watch
        self.has_come = False
        self._end_time = end_time
        self._station = station

    def schedule(self) -> None:
        """Wait for it, if it is to come."""
        if self._end_time is not None:
            self._station.scheduler.at_wall(self._end_time, self)

    def mark_due(self) -> None:
        """Look whether it has come."""
        assert self._end_time is not None
        self.has_come = self._station.feed_status().read_through >= self._end_time
        if not self.has_come:
            self._station.scheduler.at(self._station.clock.monotonic() + _LOOK_AGAIN, self)

    def close(self) -> None:
        """Leave the scheduler and the watch."""
        self._station.scheduler.cancel(self)
        self.watch = GONE
