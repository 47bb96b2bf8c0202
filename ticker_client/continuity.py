"""What a reader has seen of each stock, and what it must have missed. Pure: no I/O, no clock."""

from __future__ import annotations

from dataclasses import dataclass

from ticker_client.events import Gap
from ticker_client.reasons import GapReason, UpdateKind

__all__ = ["Accounted", "Continuity"]


@dataclass(frozen=True, slots=True)
class Accounted:
    """How an update follows on from what was seen before."""

    superseded: int = 0
    """How many ticks it replaced, as a frequency allows."""
    gap: Gap | None = None
    """Ticks before it that nobody explained."""


@dataclass(slots=True)
class _Seen:
    every_tick: bool
    sequence: int = 0
    next_number: int | None = None
    """The tick number that must come next; None where nothing can be demanded."""


_IN_ORDER = Accounted()


class Continuity:
    """The numbers of one watch.

    Tick numbers are contiguous in the price log, so the difference of two of them is the count of ticks between: no
    server has to be believed. Accounting starts anew at each SNAPSHOT of a stock. A stock that never had a price
    starts with tick 1, unless this watch has seen it deleted: its numbering goes on from its former life.
    """

    def __init__(self, *, every_tick: bool) -> None:
        self._every_tick = every_tick
        self._seen: dict[str, _Seen] = {}

    def follow(self, stock_id: str, *, every_tick: bool, has_price: bool) -> None:
        """Note that the watch follows a stock from now on, or in another way."""
        seen = self._seen.get(stock_id)
        if seen is None:
            self._seen[stock_id] = _Seen(every_tick, next_number=None if has_price else 1)
        else:
            seen.every_tick = every_tick

    def leave(self, stock_id: str) -> None:
        """Note that the watch does not follow a stock: whatever comes after that cannot be counted."""
        if stock_id in self._seen:
            self._seen[stock_id].next_number = None

    def is_every_tick(self, stock_id: str) -> bool:
        """Tell whether every tick of a stock was asked for."""
        seen = self._seen.get(stock_id)
        return self._every_tick if seen is None else seen.every_tick

    def explain(self, gap: Gap) -> Gap | None:
        """Take a gap that the server told; return the gap before it that it does not explain."""
        seen = self._of(gap.stock_id)
        expected = seen.next_number
        if gap.missing is None:
            seen.next_number = None
            return None
        seen.next_number = max(expected or 0, gap.last_missing_tick_number + 1)
        if expected is None or not seen.every_tick or gap.first_missing_tick_number <= expected:
            return None
        return Gap(gap.stock_id, expected, gap.first_missing_tick_number - 1, GapReason.UNEXPLAINED)

    def account(self, stock_id: str, sequence: int, number: int, kind: UpdateKind) -> Accounted | None:
        """Take an update's sequence and tick number; None = it repeats what was seen, or comes too late: drop it."""
        seen = self._of(stock_id)
        restarts = kind is UpdateKind.SNAPSHOT
        if sequence < seen.sequence or (sequence == seen.sequence and not restarts):
            return None
        expected = None if restarts else seen.next_number
        seen.sequence = sequence
        seen.next_number = number + 1 if number else None
        if expected is None or number == expected:
            return _IN_ORDER
        if number < expected:
            return Accounted(gap=Gap(stock_id, 0, 0, GapReason.UNEXPLAINED))
        if seen.every_tick:
            return Accounted(gap=Gap(stock_id, expected, number - 1, GapReason.UNEXPLAINED))
        return Accounted(superseded=number - expected)

    def _of(self, stock_id: str) -> _Seen:
        seen = self._seen.get(stock_id)
        if seen is None:
            seen = self._seen[stock_id] = _Seen(self._every_tick)
        return seen
