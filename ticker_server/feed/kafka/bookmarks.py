"""Through which instant a log was read: an idle log is told from a dead one by it."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from ticker_server.model.acceptance import Positions

__all__ = ["CLOCK_MARGIN", "Bookmarks"]

CLOCK_MARGIN = 250_000_000
"""How far a broker's clock may be behind ours, in nanoseconds: the accept times are its own."""

_REMEMBERED = 32


class Bookmarks:
    """Knows for each partition instants before which nothing was accepted above a position.

    Two things say so: what was at its end when the leader was asked for it (an idle partition), and the accept time of
    the newest tick up to a position (a busy one, whose end is never reached), because accept times never go back. The
    instant of the log is that of its partition that is furthest behind.
    """

    def __init__(self, partitions: int) -> None:
        self._partitions = [(_Instants(), _Instants()) for _ in range(partitions)]
        self._told = 0
        self._told_at: dict[int, int] = {}

    def note_ends(self, asked: int, ends: Mapping[int, int]) -> None:
        """Remember where partitions ended when they were asked, at a wall time in nanoseconds."""
        for partition, end in ends.items():
            self._partitions[partition][0].note(end, asked - CLOCK_MARGIN)

    def note_read(self, partition: int, position: int, accept_time: int) -> None:
        """Remember the accept time of the newest tick through a position."""
        self._partitions[partition][1].note(position, accept_time)

    def read_through(self, positions: Positions) -> int:
        """Return an instant before which every accepted tick is at or below the positions; 0 if none is known.

        For positions that do not go back it does not go back either.
        """
        instant = min(
            max(ends.at(positions.get(partition, 0)), reads.at(positions.get(partition, 0)))
            for partition, (ends, reads) in enumerate(self._partitions)
        )
        if all(positions.get(partition, 0) >= position for partition, position in self._told_at.items()):
            if instant <= self._told:
                return self._told
            self._told, self._told_at = instant, dict(positions)
        return instant


class _Instants:
    """Instants by position, the latest few; both grow."""

    def __init__(self) -> None:
        self._known: deque[tuple[int, int]] = deque(maxlen=_REMEMBERED)

    def note(self, position: int, instant: int) -> None:
        """Remember an instant; what said less of no lower position is forgotten."""
        known = self._known
        if known and known[-1][1] >= instant:
            return
        while known and known[-1][0] >= position:
            known.pop()
        known.append((position, instant))

    def at(self, position: int) -> int:
        """Return the latest instant of what is at or below a position; 0 if none is known."""
        for known_position, instant in reversed(self._known):
            if known_position <= position:
                return instant
        return 0
