"""Folding from any known state gives what folding from the beginning gives."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ticker_server.feed.kafka.fold import Fold, Origin
from ticker_server.feed.kafka.records import encode
from ticker_server.model.acceptance import Positions, Reason, Snapshot
from ticker_server.model.partition import home_partition
from ticker_server.model.tick import AcceptedTick, Tick

PARTITIONS = 3
BEGINNING = dict.fromkeys(range(PARTITIONS), 0)
EMPTY = Snapshot({}, ())

_TICKS = st.builds(
    lambda stock, price, publisher: Tick(stock, str(price), "", None, publisher[0], publisher[1]),
    st.sampled_from(["A", "B", "C", "D", "E"]),
    st.integers(0, 3),
    st.one_of(st.just(("", 0)), st.tuples(st.sampled_from(["p", "q"]), st.integers(1, 6))),
)
LOGS = st.lists(st.tuples(_TICKS, st.integers(0, 5)), max_size=60)
"""Ticks as they were written, some not valid, each with the step of the log's clock before it, which may go back."""


def records_of(log: list[tuple[Tick, int]]) -> dict[int, list[Any]]:
    """Return the records of each partition; every seventh is in the wrong one."""
    partitions: dict[int, list[Any]] = {partition: [] for partition in range(PARTITIONS)}
    for number, (tick, step) in enumerate(log):
        partition = (home_partition(tick.stock_id, PARTITIONS) + (number % 7 == 6)) % PARTITIONS
        key, value = encode(tick)
        offset, timestamp = len(partitions[partition]), number * 3 + (-step if step > 3 else step)
        partitions[partition].append(SimpleNamespace(offset=offset, timestamp=timestamp, key=key, value=value))
    return partitions


def contents(ticks: list[AcceptedTick]) -> list[tuple[Any, ...]]:
    """Return all that readers agree on."""
    return [tuple(getattr(tick, name) for name in AcceptedTick.__slots__ if name != "fragment") for tick in ticks]


def state_of(snapshot: Snapshot) -> list[Any]:
    """Return what a snapshot holds, as it is now."""
    return [(contents([each.newest]), list(each.publishers.items())) for each in snapshot.numberings]


def run(fold: Fold, records: dict[int, list[Any]], ends: Positions | None = None) -> list[AcceptedTick]:
    """Fold the records that a fold asks for, up to ends."""
    return [
        tick
        for partition, start in fold.positions.items()
        for tick in fold.accept(partition, records[partition][start : None if ends is None else ends[partition]])
    ]


def skip_nothing(_partition: int, _offset: int, _reason: Reason) -> None:
    """Take no note."""


def fold_from(origin: Origin, positions: Positions) -> Fold:
    """Return a fold that counts nothing."""
    return Fold(origin, positions, skip_nothing)


@given(LOGS, st.data())
def test_fold_from_a_snapshot_is_the_fold_from_the_beginning(log: list[tuple[Tick, int]], data: st.DataObject) -> None:
    """Whatever the snapshot and whatever the position that is asked for, ticks and numbers are the same."""
    records = records_of(log)
    cut = {partition: data.draw(st.integers(0, len(each))) for partition, each in records.items()}
    wanted = {partition: data.draw(st.integers(0, len(each))) for partition, each in records.items()}
    beginning = Origin(PARTITIONS, EMPTY, BEGINNING, counting=True)
    whole = run(fold_from(beginning, {}), records)
    first = fold_from(beginning, {})
    run(first, records, cut)
    snapshot = first.snapshot(cut)
    before = state_of(snapshot)

    ticks = run(fold_from(Origin(PARTITIONS, snapshot, BEGINNING, counting=True), wanted), records)

    def above(tick: AcceptedTick) -> bool:
        return tick.sequence > wanted[home_partition(tick.stock_id, PARTITIONS)]

    assert contents(ticks) == contents([tick for tick in whole if above(tick)])
    assert state_of(snapshot) == before, "a snapshot is not changed by who folds on"


def test_numbers_without_a_beginning() -> None:
    """Where the beginning is gone, ticks have no number up to the snapshot, and the snapshot's from there on."""
    home = home_partition("A", PARTITIONS)
    records = records_of([(Tick("A", str(price)), 0) for price in range(1, 6)])
    first = fold_from(Origin(PARTITIONS, EMPTY, BEGINNING, counting=True), {})
    run(first, records, BEGINNING | {home: 3})
    snapshot = first.snapshot(BEGINNING | {home: 3})

    fold = fold_from(Origin(PARTITIONS, snapshot, BEGINNING | {home: 1}, counting=True), {})

    assert fold.positions[home] == 1
    assert [tick.tick_number for tick in run(fold, records)] == [0, 0, 4, 5]


def test_fold_that_does_not_count() -> None:
    """A log that was opened in the middle has no numbers, also not for who reads it from its beginning."""
    records = records_of([(Tick("A", "1"), 0), (Tick("A", "2"), 0)])
    origin = Origin(PARTITIONS, EMPTY, BEGINNING, counting=False)

    assert [tick.tick_number for tick in run(fold_from(origin, {}), records)] == [0, 0]


def test_what_is_known_as_a_repeat() -> None:
    """A tick is known as a repeat once one of its publisher and stock that is not lower was folded."""
    home = home_partition("A", PARTITIONS)
    fold = fold_from(Origin(PARTITIONS, EMPTY, BEGINNING, counting=True), {})
    assert not fold.knows(Tick("A", "1", publisher_id="p", publisher_sequence=1), home)

    run(fold, records_of([(Tick("A", "1", publisher_id="p", publisher_sequence=4), 0)]))

    known = [fold.knows(Tick("A", "1", publisher_id="p", publisher_sequence=number), home) for number in (3, 4, 5)]
    assert known == [True, True, False]
    assert not fold.knows(Tick("A", "1", publisher_id="q", publisher_sequence=4), home)
    assert not fold.knows(Tick("A", "1"), home)


def test_skipped_records_are_told() -> None:
    """Each record that is no tick is told with its place."""
    told: list[tuple[int, int, Reason]] = []
    fold = Fold(Origin(PARTITIONS, EMPTY, BEGINNING, counting=True), {}, lambda *place: told.append(place))

    fold.accept(0, [SimpleNamespace(offset=7, timestamp=1, key=b"A", value=None)])

    assert told == [(0, 7, Reason.TOMBSTONE)]
