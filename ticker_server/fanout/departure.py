"""How a watch ends as planned: by the age of its stream or because it is told to, and what it says last."""

from __future__ import annotations

from ticker_server.errors import TickerError
from ticker_server.fanout.pieces import GoAwayReason, go_away_piece
from ticker_server.fanout.scheduler import GONE, Puller
from ticker_server.fanout.station import Station

__all__ = ["Departure"]

_PATIENCE = 2_000_000_000
"""So long a reader has to take what is due before its watch ends; one that is slower resumes (nanoseconds)."""


class Departure:
    """The end of one watch. `part` is what it says last, if anything; `error` what the stream ends with, None for OK.

    It `is_decided` from when the watch is to end, and `is_overdue` when the reader has not taken all that was due to
    it in time. Then nothing more is kept for it.
    """

    __slots__ = ("_station", "error", "is_decided", "is_overdue", "part", "watch")

    def __init__(self, watch: Puller, station: Station) -> None:
        self.watch = watch
        self.part = b""
        self.error: TickerError | None = None
        self.is_decided = False
        self.is_overdue = False
        self._station = station

    def await_age(self) -> None:
        """Decide on the end when the stream, which begins now, has its age."""
        age = self._station.lifetimes.draw_age()
        if age is not None:
            self._due_in(age)

    def decide(self, part: bytes, error: TickerError | None) -> None:
        """End the watch once it has told what is due; only the first decision counts."""
        if not self.is_decided:
            self.is_decided = True
            self.part = part
            self.error = error
            self._due_in(_PATIENCE)

    def mark_due(self) -> None:
        """Note that the stream has its age, or that the reader had its time."""
        if self.is_decided:
            self.is_overdue = True
        else:
            after = self._station.lifetimes.draw_reconnect_after()
            self.decide(go_away_piece(GoAwayReason.STREAM_AGE, after), None)

    def close(self) -> None:
        """Leave the scheduler and the watch."""
        self._station.scheduler.cancel(self)
        self.watch = GONE

    def _due_in(self, nanoseconds: int) -> None:
        self._station.scheduler.at(self._station.clock.monotonic() + nanoseconds, self)
