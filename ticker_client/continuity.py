"""What a reader has seen of each stock, and what it must have missed. Pure: no I/O, no clock."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ticker_client.events import Gap
from ticker_client.reasons import GapReason, UpdateKind
from ticker_client.resume import Position

__all__ = ["Accounted", "Continuity"]


@dataclass(frozen=True, slots=True)
class Accounted:
    """How an update follows on from what was seen before."""

    superseded: int = 0
    """How many ticks it replaced, as a frequency allows."""
    gap: Gap | None = None
    """Ticks before it that nobody explained."""
    is_replay: bool = False
    """Whether it goes on from before a break, though the server sent it as a SNAPSHOT."""


@dataclass(slots=True)
class _Seen:
    every_tick: bool
    sequence: int = 0
    """That of the last update; 0 = there was none."""
    number: int = 0
    """The tick number of the last update; 0 = there was none, or it had none."""
    next_number: int | None = None
    """The tick number that must come next; None where nothing can be demanded."""
    told: int = 0
    """The last tick number that was told to be missing, until a later one comes; 0 = none."""
    followed: bool = True
    unpriced: bool = False
    """Whether the server said that the stock has no price, and nothing came since."""
    was_left: bool = False
    """Whether it was not followed for a while: its numbers may go on from a former life of the stock."""
    resumed: bool = False
    """Whether the stream is a new one, and nothing of the stock has come on it yet."""
    owed: GapReason | None = None
    """Why what the reader missed cannot be counted, as long as that was not told."""


class Continuity:
    """The numbers of one watch.

    Tick numbers are contiguous in the price log, so the difference of two of them is the count of ticks between: no
    server has to be believed. Accounting starts anew at each SNAPSHOT of a stock. A stock that never had a price
    starts with tick 1, unless this watch has seen it deleted: its numbering goes on from its former life.

    It outlives the stream: on the next one the numbers go on, whatever the server sends first. Only where the price log
    is another one, nothing can be counted, and each stock of which something was seen is owed a gap.
    """

    def __init__(self, *, every_tick: bool) -> None:
        self._every_tick = every_tick
        self._owed_to_all: GapReason | None = None
        self._seen: dict[str, _Seen] = {}

    def follow(self, stock_id: str, *, every_tick: bool, has_price: bool) -> None:
        """Note that the watch follows a stock from now on, or in another way."""
        seen = self._seen.get(stock_id)
        if seen is None:
            seen = self._seen[stock_id] = _Seen(every_tick, owed=self._owed_to_all if has_price else None)
        seen.every_tick, seen.followed = every_tick, True
        if not has_price and not seen.sequence:
            seen.unpriced = True
            if not seen.was_left:
                seen.next_number = 1

    def change(self, stock_id: str, *, every_tick: bool, has_price: bool) -> None:
        """Note that the watch follows a stock in another way, as the stream says: its accounting starts anew."""
        self.follow(stock_id, every_tick=every_tick, has_price=has_price)
        self._seen[stock_id].resumed = False

    def leave(self, stock_id: str) -> None:
        """Note that the watch does not follow a stock: whatever comes after that cannot be counted."""
        seen = self._seen.get(stock_id)
        if seen is not None:
            seen.followed = seen.resumed = seen.unpriced = False
            seen.was_left, seen.next_number, seen.told, seen.owed = True, None, 0, None

    def positions(self) -> tuple[Position, ...]:
        """Return the last update of each stock that is followed, or that it had no price yet."""
        return tuple(
            Position(stock_id, seen.sequence, seen.number)
            for stock_id, seen in self._seen.items()
            if seen.followed and (seen.sequence or seen.unpriced)
        )

    def restore(self, positions: Iterable[Position]) -> None:
        """Take over what an earlier watch has seen."""
        for position in positions:
            sequence, number = position.sequence, position.tick_number
            is_counted = number or not sequence
            self._seen[position.stock_id] = _Seen(
                self._every_tick, sequence, number, number + 1 if is_counted else None, unpriced=not sequence
            )

    def reopen(self) -> None:
        """Note that another stream begins: what it sends first goes on from what was seen."""
        for seen in self._seen.values():
            seen.resumed = seen.followed

    def start_anew(self, reason: GapReason, *, wholly: bool = False) -> None:
        """Forget all numbers, because they mean nothing any longer; whatever was missed can only be told so.

        Where the stock had no price before, its numbers begin with 1 all the same. With `wholly` something may be
        missing of every other stock, whether anything of it was seen or not.
        """
        self._owed_to_all = reason if wholly else None
        for stock_id, seen in self._seen.items():
            is_owed = seen.sequence or (wholly and not seen.unpriced)
            owed, first = reason if is_owed else seen.owed, 1 if seen.unpriced else None
            self._seen[stock_id] = _Seen(
                seen.every_tick, next_number=first, followed=seen.followed, resumed=seen.unpriced, owed=owed
            )

    def owed(self) -> Iterator[Gap]:
        """Yield a gap for each followed stock whose loss was not told yet; from now on it is."""
        self._owed_to_all = None
        for stock_id, seen in self._seen.items():
            if seen.owed is not None and seen.followed:
                yield Gap(stock_id, 0, 0, seen.owed)
            seen.owed = None

    def untold(self, gap: Gap) -> Gap | None:
        """Return what is new in a gap that the server told: after a break it may tell again what it told before."""
        expected = self._of(gap.stock_id).next_number
        if gap.missing is None or expected is None or gap.first_missing_tick_number >= expected:
            return gap
        if gap.last_missing_tick_number < expected:
            return None
        return Gap(gap.stock_id, expected, gap.last_missing_tick_number, gap.reason)

    def is_every_tick(self, stock_id: str) -> bool:
        """Tell whether every tick of a stock was asked for."""
        seen = self._seen.get(stock_id)
        return self._every_tick if seen is None else seen.every_tick

    def explain(self, gap: Gap) -> Gap | None:
        """Take a gap that the server told; return the gap before it that it does not explain."""
        seen = self._of(gap.stock_id)
        expected, seen.owed = seen.next_number, None
        if gap.missing is None:
            seen.next_number, seen.told, seen.resumed = None, 0, False
            return None
        seen.told = gap.last_missing_tick_number
        seen.next_number = max(expected or 0, gap.last_missing_tick_number + 1)
        if expected is None or not seen.every_tick or gap.first_missing_tick_number <= expected:
            return None
        return Gap(gap.stock_id, expected, gap.first_missing_tick_number - 1, GapReason.UNEXPLAINED)

    def account(self, stock_id: str, sequence: int, number: int, kind: UpdateKind) -> Accounted | None:
        """Take an update's sequence and tick number; None = it repeats what was told, or comes too late: drop it."""
        seen = self._of(stock_id)
        is_replay = kind is UpdateKind.SNAPSHOT and seen.resumed
        restarts = kind is UpdateKind.SNAPSHOT and not is_replay
        if sequence < seen.sequence or (sequence == seen.sequence and not restarts):
            return None
        if not restarts and seen.number < number <= seen.told:
            return None
        expected, owed = None if restarts else seen.next_number, seen.owed
        if is_replay and expected is None and seen.every_tick and seen.sequence:
            owed = owed or GapReason.UNEXPLAINED
        seen.sequence, seen.number, seen.told = sequence, number, 0
        seen.next_number = number + 1 if number else None
        seen.resumed, seen.unpriced, seen.owed = False, False, None
        if owed is not None:
            return Accounted(gap=Gap(stock_id, 0, 0, owed), is_replay=is_replay)
        if expected is None or number == expected:
            return Accounted(is_replay=is_replay)
        if number < expected:
            return Accounted(gap=Gap(stock_id, 0, 0, GapReason.UNEXPLAINED), is_replay=is_replay)
        if seen.every_tick:
            return Accounted(gap=Gap(stock_id, expected, number - 1, GapReason.UNEXPLAINED), is_replay=is_replay)
        return Accounted(superseded=number - expected, is_replay=is_replay)

    def _of(self, stock_id: str) -> _Seen:
        seen = self._seen.get(stock_id)
        if seen is None:
            seen = self._seen[stock_id] = _Seen(self._every_tick)
        return seen
