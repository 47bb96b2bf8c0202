"""The price log as the rest of the server sees it: a small port with one adapter per kind of log.

A log hands out *accepted* ticks. Where the log is written through this process alone (SQLite), acceptance happens
before the write, in the same transaction; where others write too (Kafka), it happens after the read. Both use
`ticker_server.model.acceptance`, so sequence and tick number are the same pure function of the log.
"""

from __future__ import annotations

import enum
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Protocol

from ticker_server.model.acceptance import Positions, Snapshot
from ticker_server.model.tick import AcceptedTick, Tick

__all__ = ["Batch", "Outcome", "PriceLog", "Published"]


class Outcome(enum.Enum):
    """What became of one published tick."""

    ACCEPTED = enum.auto()
    """Durable in the log."""
    DUPLICATE = enum.auto()
    """A repeat of its publisher, dropped."""
    UNKNOWN = enum.auto()
    """No answer in time; repeat it before anything later of that stock."""


@dataclass(frozen=True, slots=True)
class Published:
    """The outcome of one tick, and its sequence where it was accepted (0 otherwise)."""

    outcome: Outcome
    sequence: int = 0


@dataclass(frozen=True, slots=True)
class Batch:
    """Accepted ticks in the order of the log (per partition), and how far their partitions were read with them.

    `positions` names the partitions that went on, also by records that were skipped; `ticks` may then be empty.
    """

    ticks: Sequence[AcceptedTick]
    positions: Positions


class PriceLog(Protocol):
    """The ordered, durable record of ticks."""

    @property
    def epoch(self) -> str:
        """The identity of this log; sequences compare only within one epoch."""

    @property
    def partitions(self) -> int:
        """How many partitions its ticks live in; each stock's are in its home partition."""

    async def publish(self, ticks: Sequence[Tick]) -> list[Published]:
        """Append valid ticks in order; durable when it returns. Raises PriceLogUnavailable when nothing was taken."""

    def snapshot(self) -> Snapshot:
        """Return where the log stood when it was opened; `read` goes on from its positions. It is not to be changed."""

    def read(self, positions: Positions) -> AsyncGenerator[Batch, None]:
        """Yield what is accepted above the positions, in order, and wait for more at the end. Never ends.

        A partition that the positions do not name is read from its beginning. Raises PriceLogUnavailable.
        """

    def replay(self, partition: int, position: int) -> AsyncGenerator[Batch, None]:
        """Yield once more what is accepted in a partition above a position, in order, and then what comes.

        The first batch has no ticks and says from where: above the position that was asked for, if what lies between is
        gone. It ends if what it would read next is gone meanwhile: ask once more. Raises PriceLogUnavailable.
        """

    async def positions_since(self, instant: int) -> Positions:
        """Return positions above which lies exactly what was accepted at an instant (nanoseconds) or after it.

        A partition whose beginning is gone may have had more. Raises PriceLogUnavailable.
        """

    def oldest_replay_time(self) -> int:
        """Return the accept time from which everything can be replayed (nanoseconds); 0 if that is not known."""

    def read_through(self, positions: Positions) -> int:
        """Return an instant before which every accepted tick is at or below the positions (nanoseconds)."""

    def answered(self) -> int:
        """Return when the log last answered, on the monotonic clock (nanoseconds); now, if nothing asks it."""
