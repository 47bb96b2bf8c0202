"""Acceptance: the pure step that turns log records into accepted ticks.

Well formed? Right key? Home partition? Not a repeat of its publisher? Then the tick gets the next tick number of its
stock. The result is a function of the log alone: no clock, no catalog, no I/O, so that all who read one log agree.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ticker_server.model.partition import home_partition
from ticker_server.model.stock import STOCK_ID
from ticker_server.model.tick import PUBLISHER_ID, AcceptedTick, Tick, is_price, is_size

__all__ = [
    "MAX_PUBLISHER_SEQUENCE",
    "MAX_TRADE_TIME_LEAD",
    "MIN_TRADE_TIME",
    "REMEMBERED_PUBLISHERS",
    "Acceptance",
    "Checkpoint",
    "Numbering",
    "Positions",
    "Reason",
    "Record",
    "Snapshot",
]

MIN_TRADE_TIME = -(2**63)
"""The earliest trade time, in nanoseconds since the epoch: what 64 bits hold, which is in the year 1677."""

MAX_PUBLISHER_SEQUENCE = 2**63 - 1
"""The highest sequence of a publisher: what 64 bits hold."""

MAX_TRADE_TIME_LEAD = 5_000_000_000
"""How far a trade time may lie after the accept time, in nanoseconds."""

REMEMBERED_PUBLISHERS = 64
"""Of so many publishers per stock, the latest in log order, the last sequence is remembered."""


Positions = Mapping[int, int]
"""How far a log was read: by partition, the sequence through which every record was read (0 = none)."""


class Reason(enum.StrEnum):
    """Why a record is skipped and never numbered."""

    TOMBSTONE = "tombstone"
    TOO_LARGE = "too_large"
    MALFORMED = "malformed"
    WRONG_KEY = "wrong_key"
    WRONG_PARTITION = "wrong_partition"
    FUTURE_TRADE_TIME = "future_trade_time"
    DUPLICATE = "duplicate"


@dataclass(slots=True)
class Record:
    """One record of the price log, decoded.

    `sequence` is its offset + 1, `accept_time` the time the log gave it (nanoseconds since the epoch), and `key` the
    record's key as text.
    """

    partition: int
    sequence: int
    accept_time: int
    key: str
    tick: Tick


@dataclass(slots=True)
class Numbering:
    """What acceptance remembers of one stock: its newest accepted tick, and the last sequence of each publisher.

    `publishers` is in log order: the first entry is the publisher that was silent longest.
    """

    newest: AcceptedTick
    publishers: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Where a fold over a log stands: everything through these positions has been folded into these numberings."""

    positions: Positions
    numberings: Sequence[Numbering]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Where the fold of one partition once stood: everything through this position had been folded into these numberings."""

    position: int
    numberings: Sequence[Numbering]


class Acceptance:
    """The fold over one price log; its state is `numberings`, by stock id.

    `counting` is False where the fold begins in the middle of a log whose state there is not known: then every tick
    number is 0, which tells readers that the count is lost.
    """

    def __init__(self, partitions: int, numberings: Iterable[Numbering] = (), *, counting: bool = True) -> None:
        self.partitions = partitions
        self._counting = counting
        self.numberings = {numbering.newest.stock_id: numbering for numbering in numberings}
        self._accept_times: dict[int, int] = {}
        for numbering in self.numberings.values():
            home = home_partition(numbering.newest.stock_id, partitions)
            self._accept_times[home] = max(self._accept_times.get(home, 0), numbering.newest.accept_time)

    def accept(self, record: Record) -> AcceptedTick | Reason:
        """Number a record's tick, or say why it is skipped; a skipped record changes nothing.

        The accept time never goes back within a partition: a step back of the log's clock is flattened.
        """
        tick = record.tick
        accept_time = max(record.accept_time, self._accept_times.get(record.partition, 0))
        if (reason := self._objection(record, accept_time)) is not None:
            return reason
        numbering = self.numberings.get(tick.stock_id)
        if numbering is not None and tick.publisher_id:
            last = numbering.publishers.get(tick.publisher_id)
            if last is not None and tick.publisher_sequence <= last:
                return Reason.DUPLICATE
        self._accept_times[record.partition] = accept_time
        accepted = AcceptedTick(
            stock_id=tick.stock_id,
            price=tick.price,
            size=tick.size,
            trade_time=accept_time if tick.trade_time is None else tick.trade_time,
            accept_time=accept_time,
            sequence=record.sequence,
            tick_number=self._next_number(numbering),
        )
        if numbering is None:
            numbering = self.numberings[tick.stock_id] = Numbering(accepted)
        numbering.newest = accepted
        if tick.publisher_id:
            _remember(numbering.publishers, tick.publisher_id, tick.publisher_sequence)
        return accepted

    def _next_number(self, numbering: Numbering | None) -> int:
        if not self._counting:
            return 0
        return 1 if numbering is None else numbering.newest.tick_number + 1

    def _objection(self, record: Record, accept_time: int) -> Reason | None:
        tick = record.tick
        if not (STOCK_ID.fullmatch(tick.stock_id) and is_price(tick.price) and is_size(tick.size)):
            return Reason.MALFORMED
        if tick.publisher_id:
            if not 0 < tick.publisher_sequence <= MAX_PUBLISHER_SEQUENCE or not PUBLISHER_ID.fullmatch(
                tick.publisher_id
            ):
                return Reason.MALFORMED
        elif tick.publisher_sequence:
            return Reason.MALFORMED
        if tick.trade_time is not None and tick.trade_time < MIN_TRADE_TIME:
            return Reason.MALFORMED
        if record.key != tick.stock_id:
            return Reason.WRONG_KEY
        if home_partition(tick.stock_id, self.partitions) != record.partition:
            return Reason.WRONG_PARTITION
        if tick.trade_time is not None and tick.trade_time > accept_time + MAX_TRADE_TIME_LEAD:
            return Reason.FUTURE_TRADE_TIME
        return None


def _remember(publishers: dict[str, int], publisher_id: str, sequence: int) -> None:
    """Keep a publisher's last sequence as the latest in log order, and forget the one that was silent longest."""
    publishers.pop(publisher_id, None)
    publishers[publisher_id] = sequence
    if len(publishers) > REMEMBERED_PUBLISHERS:
        del publishers[next(iter(publishers))]
