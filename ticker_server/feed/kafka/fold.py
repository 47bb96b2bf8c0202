"""Acceptance over the partitions of a log: records in, numbered ticks out, from any position that a state is known for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from aiokafka import ConsumerRecord

from ticker_server.feed.kafka.records import decode
from ticker_server.model.acceptance import Acceptance, Numbering, Positions, Reason, Snapshot
from ticker_server.model.partition import home_partition
from ticker_server.model.tick import AcceptedTick, Tick

__all__ = ["Fold", "Origin"]

Skip = Callable[[int, int, Reason], None]
"""Is told the partition, the offset and the reason of each record that is skipped."""


@dataclass(frozen=True, slots=True)
class _State:
    """What a partition's fold is at a position: everything through `position` was folded into `numberings`."""

    position: int
    numberings: list[Numbering]
    counting: bool

    def acceptance(self, partitions: int) -> Acceptance:
        """Return an acceptance that goes on from here, with copies: whoever folds changes what it has."""
        copies = [Numbering(each.newest, dict(each.publishers)) for each in self.numberings]
        return Acceptance(partitions, copies, counting=self.counting)


class Origin:
    """The states that a log is known in: a snapshot, and the beginning where nothing is missing before it."""

    def __init__(self, partitions: int, snapshot: Snapshot, beginnings: Mapping[int, int], *, counting: bool) -> None:
        self.partitions = partitions
        self.counting = counting
        self._beginnings = dict(beginnings)
        by_home: dict[int, list[Numbering]] = {partition: [] for partition in range(partitions)}
        for numbering in snapshot.numberings:
            by_home[home_partition(numbering.newest.stock_id, partitions)].append(numbering)
        self._known = {
            partition: _State(snapshot.positions.get(partition, 0), numberings, counting)
            for partition, numberings in by_home.items()
        }

    def start(self, partition: int, position: int) -> tuple[_State, _State | None]:
        """Return the nearest known state at or below a position, and the one that takes over above it, if any.

        Below the snapshot it is the beginning of the log; where that is gone, ticks have no number up to the snapshot.
        """
        known = self._known[partition]
        if position >= known.position:
            return known, None
        beginning = self._beginnings.get(partition, 0)
        return _State(beginning, [], self.counting and beginning == 0), known


class Fold:
    """One reader's acceptance: decodes and accepts the records of all partitions, each from where a state is known.

    `positions` is where to read from, so that nothing is missing in the numbers of what is above the positions that
    were asked for.
    """

    def __init__(self, origin: Origin, positions: Positions, skip: Skip) -> None:
        self.positions: dict[int, int] = {}
        self._partitions = origin.partitions
        self._wanted = {partition: positions.get(partition, 0) for partition in range(origin.partitions)}
        self._skip = skip
        self._acceptances: list[Acceptance] = []
        self._later: dict[int, _State] = {}
        for partition, position in self._wanted.items():
            state, later = origin.start(partition, position)
            self.positions[partition] = state.position
            self._acceptances.append(state.acceptance(origin.partitions))
            if later is not None:
                self._later[partition] = later

    def accept(self, partition: int, records: Iterable[ConsumerRecord]) -> list[AcceptedTick]:
        """Return the accepted ticks of a partition's next records, those above the position that was asked for."""
        later = self._later.get(partition)
        acceptance = self._acceptances[partition]
        wanted = self._wanted[partition]
        ticks: list[AcceptedTick] = []
        for record in records:
            offset = record.offset
            if later is not None and offset >= later.position:
                acceptance = self._acceptances[partition] = later.acceptance(self._partitions)
                del self._later[partition]
                later = None
            decoded = decode(partition, offset, record.timestamp, record.key, record.value)
            verdict = decoded if isinstance(decoded, Reason) else acceptance.accept(decoded)
            if isinstance(verdict, Reason):
                self._skip(partition, offset, verdict)
            elif verdict.sequence > wanted:
                ticks.append(verdict)
        return ticks

    def knows(self, tick: Tick, partition: int) -> bool:
        """Tell whether a tick would be a repeat of its publisher, by what was folded so far."""
        numbering = self._acceptances[partition].numberings.get(tick.stock_id)
        if numbering is None or not tick.publisher_id:
            return False
        last = numbering.publishers.get(tick.publisher_id)
        return last is not None and tick.publisher_sequence <= last

    def snapshot(self, positions: Positions) -> Snapshot:
        """Return where the fold stands, for positions that were read; it shares what it has and is to go no further."""
        numberings = [each for acceptance in self._acceptances for each in acceptance.numberings.values()]
        return Snapshot(dict(positions), numberings)
