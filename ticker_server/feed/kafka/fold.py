"""Acceptance over the partitions of a log: records in, numbered ticks out, from any position that a state is known for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from aiokafka import ConsumerRecord

from ticker_server.feed.kafka.records import decode
from ticker_server.model.acceptance import Acceptance, Numbering, Positions, Reason, Snapshot
from ticker_server.model.partition import home_partition
from ticker_server.model.tick import AcceptedTick, Tick

__all__ = ["Fold", "KnownState", "Origin"]

Skip = Callable[[int, int, Reason], None]
"""Is told the partition, the offset and the reason of each record that is skipped."""


@dataclass(frozen=True, slots=True)
class KnownState:
    """What a partition's fold is at a position: everything through `position` was folded into `numberings`."""

    position: int
    numberings: Sequence[Numbering]
    counting: bool = True

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
            partition: KnownState(snapshot.positions.get(partition, 0), numberings, counting)
            for partition, numberings in by_home.items()
        }

    def start(self, partition: int, position: int) -> tuple[KnownState, KnownState | None]:
        """Return the nearest known state at or below a position, and the one that takes over above it, if any.

        Below the snapshot it is the beginning of the log; where that is gone, ticks have no number up to the snapshot.
        """
        known = self._known[partition]
        if position >= known.position:
            return known, None
        beginning = self._beginnings.get(partition, 0)
        return KnownState(beginning, [], self.counting and beginning == 0), known

    def known(self, partition: int) -> KnownState:
        """Return the state of the snapshot."""
        return self._known[partition]

    def note_beginning(self, partition: int, beginning: int) -> None:
        """Note where a partition begins now: what was before it is gone."""
        self._beginnings[partition] = beginning

    def beginning(self, partition: int) -> int:
        """Return where a partition began when it was last looked at."""
        return self._beginnings.get(partition, 0)

    def restart(self, partition: int, position: int, stored: KnownState | None) -> KnownState:
        """Return the state to replay a partition from: the nearest at or below a position, else the lowest above it.

        `stored` is known besides the beginning and the snapshot, if anything is. What is below the beginning is of no use: nothing can
        be folded into it any more.
        """
        beginning = self._beginnings.get(partition, 0)
        known = self._known[partition]
        states = [state for state in (stored, known) if state is not None and state.position >= beginning]
        if not beginning:
            states.append(KnownState(0, []))
        below = [state for state in states if state.position <= position]
        if below:
            return max(below, key=lambda state: state.position)
        return min(states, key=lambda state: state.position, default=KnownState(beginning, [], counting=False))


class Fold:
    """One reader's acceptance: decodes and accepts the records of partitions, each from where a state is known.

    `positions` is where to read from, so that nothing is missing in the numbers of what is above the positions that
    were asked for. It is of all partitions, or of those that have `states` to begin from.
    """

    def __init__(
        self, origin: Origin, positions: Positions, skip: Skip, *, states: Mapping[int, KnownState] | None = None
    ) -> None:
        self.positions: dict[int, int] = {}
        self._partitions = origin.partitions
        wanted = range(origin.partitions) if states is None else states
        self._wanted = {partition: positions.get(partition, 0) for partition in wanted}
        self._skip = skip
        self._acceptances: dict[int, Acceptance] = {}
        self._later: dict[int, KnownState] = {}
        for partition, position in self._wanted.items():
            state, later = origin.start(partition, position) if states is None else (states[partition], None)
            self.positions[partition] = state.position
            self._acceptances[partition] = state.acceptance(origin.partitions)
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
        numberings = [each for acceptance in self._acceptances.values() for each in acceptance.numberings.values()]
        return Snapshot(dict(positions), numberings)
