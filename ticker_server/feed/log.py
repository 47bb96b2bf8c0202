"""The price log as the rest of the server sees it: a small port with one adapter per kind of log.

A log hands out *accepted* ticks. Where the log is written through this process alone (SQLite), acceptance happens
before the write, in the same transaction; where others write too (Kafka), it happens after the read. Both use
`ticker_server.model.acceptance`, so sequence and tick number are the same pure function of the log.
"""

from __future__ import annotations

import enum
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from ticker_server.model.tick import AcceptedTick, Tick

__all__ = ["Outcome", "PriceLog", "Published", "Snapshot"]


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
class Snapshot:
    """The newest tick of each stock, and the position from which reading goes on."""

    newest: Sequence[AcceptedTick]
    position: int


class PriceLog(Protocol):
    """The ordered, durable record of ticks."""

    @property
    def epoch(self) -> str:
        """The identity of this log; sequences compare only within one epoch."""

    async def publish(self, ticks: Sequence[Tick]) -> list[Published]:
        """Append valid ticks in order; durable when it returns. Raises PriceLogUnavailable when nothing was taken."""

    def snapshot(self) -> Snapshot:
        """Return where the log stood when it was opened."""

    def read(self, position: int) -> AsyncIterator[Sequence[AcceptedTick]]:
        """Yield batches of accepted ticks above a position, in order, and wait for more at the end. Never ends."""

    def read_through(self, position: int) -> int:
        """Return an instant before which every accepted tick is at or below a position (nanoseconds)."""
