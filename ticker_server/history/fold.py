"""The fold of one partition: acceptance over its records, and what of it has to be stored next."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from ticker_server.feed.kafka.records import decode
from ticker_server.history.price_rows import PriceRow, row_of
from ticker_server.history.tick_lines import TickLines
from ticker_server.model.acceptance import Acceptance, Numbering, Reason
from ticker_server.model.bar import Bar
from ticker_server.model.minute_bars import MinuteBars

__all__ = ["LogRecord", "PartitionFold", "Step", "StoredPartition"]


class LogRecord(Protocol):
    """A record as the topic has it; `timestamp` is in milliseconds since the epoch."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None


@dataclass(frozen=True, slots=True)
class StoredPartition:
    """What is stored of one partition: the offset of the first record that is not, and the state up to there.

    `ordinal` is that of the log epoch. The bars of it have every tick up to the sequence `counted`, even where `next` is
    below it: so it is when the fold of an epoch begins anew, because another one was followed in between.
    """

    next: int
    numberings: Sequence[Numbering]
    ordinal: int = 0
    counted: int = 0


@dataclass(frozen=True, slots=True)
class Step:
    """What a transaction stores of one partition: all of it follows from the records `read_from` to `next` - 1.

    `prices` has a row of each stock that changed on the way, `bars` what its ticks add to the minutes, `ticks` the ticks
    themselves as lines by day, where they are stored. `state` is the whole state at `next` where a checkpoint is to be
    written with it. What is folded later changes nothing of it.
    """

    partition: int
    read_from: int
    next: int
    prices: Sequence[PriceRow]
    state: Sequence[Numbering] | None = None
    bars: Sequence[Bar] = ()
    ticks: Mapping[int, Sequence[str]] = field(default_factory=dict)


class PartitionFold:
    """Folds the records of one partition on from what is stored; `next` is the offset that it needs next.

    Its memory is one entry per stock, and what has to be stored: bars, and with `raw_ticks` the ticks. `skip` is told of
    each record that is skipped: the partition, the offset and the reason.
    """

    def __init__(
        self,
        partition: int,
        partitions: int,
        stored: StoredPartition,
        skip: Callable[[int, int, Reason], None],
        *,
        raw_ticks: bool = False,
    ) -> None:
        self.partition = partition
        self.next = stored.next
        self._stored = stored.next
        self._acceptance = Acceptance(partitions, stored.numberings)
        self._changed: set[str] = set()
        self._bars = MinuteBars(stored.ordinal)
        self._ticks = TickLines(partition, stored.ordinal)
        self._raw_ticks = raw_ticks
        self._counted = stored.counted
        self._skip = skip

    @property
    def held(self) -> int:
        """How much waits to be stored, in bars; four ticks take as much memory as one."""
        return len(self._bars) + len(self._ticks) // 4

    def fold(self, records: Sequence[LogRecord], following: int) -> None:
        """Take the next records, in order; `following` is the offset after them and what else was read with them."""
        accept = self._acceptance.accept
        changed = self._changed
        count, keep = self._bars.add, self._ticks.add if self._raw_ticks else None
        for raw in records:
            record = decode(self.partition, raw.offset, raw.timestamp, raw.key, raw.value)
            accepted = record if isinstance(record, Reason) else accept(record)
            if isinstance(accepted, Reason):
                self._skip(self.partition, raw.offset, accepted)
            else:
                changed.add(accepted.stock_id)
                if accepted.sequence > self._counted:
                    count(accepted)
                    if keep is not None:
                        keep(accepted)
        self.next = following

    def step(self, *, whole: bool = False) -> Step | None:
        """Return what has to be stored now, None if all is; what is folded later does not change it.

        `whole` adds the whole state, for a checkpoint.
        """
        if self.next == self._stored:
            return None
        numberings = self._acceptance.numberings
        rows = [row_of(numberings[stock_id]) for stock_id in sorted(self._changed)]
        self._changed = set()
        state = [Numbering(each.newest, dict(each.publishers)) for each in numberings.values()] if whole else None
        return Step(self.partition, self._stored, self.next, rows, state, self._bars.take(), self._ticks.take())

    def stored(self, step: Step) -> None:
        """Note that a step has been stored; the next one goes on from it."""
        self._stored = step.next

    def not_stored(self, step: Step) -> None:
        """Note that a step could not be stored; the next one takes its stocks, bars and ticks in again."""
        self._changed.update(row[0] for row in step.prices)
        self._bars.put_back(step.bars)
        self._ticks.put_back(step.ticks)
