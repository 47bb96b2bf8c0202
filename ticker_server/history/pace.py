"""When the next checkpoint of each partition is due."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ticker_server.clock import Clock

__all__ = ["SPACING", "Pace", "Spacing", "Written"]


@dataclass(frozen=True, slots=True)
class Spacing:
    """How far apart the checkpoints of a partition are: so many seconds or records, whichever has passed first."""

    seconds: float
    records: int


SPACING = Spacing(seconds=300, records=250_000)
"""What the sync server takes."""


@dataclass(frozen=True, slots=True)
class Written:
    """A checkpoint that was written: its position, and when, in nanoseconds of the wall clock."""

    position: int
    time: int


class Pace:
    """The newest checkpoint of each partition of an epoch; a partition that has none is due at once."""

    def __init__(self, spacing: Spacing, clock: Clock) -> None:
        self._spacing = spacing
        self._clock = clock
        self._newest: dict[tuple[int, int], Written] = {}

    def set_out(self, ordinal: int, newest: Mapping[int, Written | None]) -> None:
        """Go on from what is stored of some partitions of an epoch."""
        for partition, written in newest.items():
            self._newest.pop((ordinal, partition), None)
            if written is not None:
                self._newest[ordinal, partition] = written

    def note(self, ordinal: int, partition: int, written: Written) -> None:
        """Note a checkpoint that has been stored."""
        self._newest[ordinal, partition] = written

    def due(self, ordinal: int, partition: int, position: int) -> bool:
        """Tell whether a checkpoint at this position should be written now.

        It should as well where the newest one lies ahead, in the log or in time: somebody has set one of them back.
        """
        newest = self._newest.get((ordinal, partition))
        if newest is None:
            return True
        age = self._clock.wall() - newest.time
        return not (
            0 <= age < self._spacing.seconds * 1_000_000_000 and 0 <= position - newest.position < self._spacing.records
        )
