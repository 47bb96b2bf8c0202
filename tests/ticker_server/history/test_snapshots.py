"""The snapshot store."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import psycopg
import pytest

from ticker_server.catalog import Database
from ticker_server.catalog.sync_tables import log_checkpoint, sync_position
from ticker_server.errors import DatabaseUnavailable
from ticker_server.history.fold import Step
from ticker_server.history.pace import Spacing
from ticker_server.history.price_rows import row_of
from ticker_server.history.snapshots import PositionMoved, SnapshotStore
from ticker_server.model.acceptance import Numbering
from ticker_server.model.bar import Bar, bar_of
from ticker_server.model.minute_bars import MINUTE
from ticker_server.model.tick import AcceptedTick

Make = Callable[..., Numbering]


def step(partition: int, read_from: int, following: int, *numberings: Numbering) -> Step:
    """Return what a fold would have stored."""
    return Step(partition, read_from, following, [row_of(numbering) for numbering in numberings])


async def test_nothing_is_stored_at_first(store: SnapshotStore) -> None:
    """An empty database has no epoch and no snapshot."""
    assert await store.newest_epoch() == ""
    assert await store.load("one") is None


async def test_what_is_stored_is_loaded(store: SnapshotStore, numbering: Make) -> None:
    """A snapshot holds the positions and the state of all partitions, the publishers in their order."""
    ordinal = await store.open_epoch("one")
    await store.load_partitions(ordinal, [0, 1])
    await store.store(ordinal, step(0, 0, 7, numbering("AAPL", 5, zulu=1, alpha=2)))
    await store.store(ordinal, step(1, 0, 3, numbering("MSFT", 3)))

    snapshot = await store.load("one")
    assert snapshot is not None
    assert snapshot.positions == {0: 7, 1: 3}
    by_stock = {one.newest.stock_id: one for one in snapshot.numberings}
    assert row_of(by_stock["AAPL"]) == row_of(numbering("AAPL", 5, zulu=1, alpha=2))
    assert row_of(by_stock["MSFT"]) == row_of(numbering("MSFT", 3))


async def test_snapshot_without_progress_is_none(store: SnapshotStore) -> None:
    """As long as no record is stored there is no snapshot."""
    await store.load_partitions(await store.open_epoch("one"), [0])

    assert await store.load("one") is None
    assert await store.newest_epoch() == "one"


async def test_partitions_are_loaded_apart(store: SnapshotStore, numbering: Make) -> None:
    """A member loads its own partitions; what was never stored begins at the beginning."""
    ordinal = await store.open_epoch("one")
    await store.load_partitions(ordinal, [0, 1])
    await store.store(ordinal, step(0, 0, 7, numbering("AAPL", 5)))
    await store.store(ordinal, step(1, 0, 3, numbering("MSFT", 3)))

    loaded = await store.load_partitions(ordinal, [1, 2])
    assert loaded.keys() == {1, 2}
    assert (loaded[1].next, [one.newest.stock_id for one in loaded[1].numberings]) == (3, ["MSFT"])
    assert (loaded[2].next, loaded[2].numberings) == (0, [])
    assert await store.load_partitions(ordinal, []) == {}


async def test_position_that_moved_is_a_conflict(store: SnapshotStore, numbering: Make) -> None:
    """Of two members that go on from the same position one stores, and the other changes nothing at all."""
    ordinal = await store.open_epoch("one")
    await store.load_partitions(ordinal, [0])
    await store.store(ordinal, step(0, 0, 7, numbering("AAPL", 5)))
    with pytest.raises(PositionMoved):
        await store.store(ordinal, step(0, 0, 9, numbering("AAPL", 8, price="9"), numbering("MSFT", 9)))

    snapshot = await store.load("one")
    assert snapshot is not None
    assert snapshot.positions == {0: 7}
    assert [row_of(one) for one in snapshot.numberings] == [row_of(numbering("AAPL", 5))]


async def test_of_many_at_once_one_stores(store: SnapshotStore, numbering: Make) -> None:
    """However many members store the same partition at the same time, one of them does."""
    ordinal = await store.open_epoch("one")
    await store.load_partitions(ordinal, [0])
    attempts = [store.store(ordinal, step(0, 0, n + 1, numbering("AAPL", n + 1))) for n in range(4)]
    outcomes = await asyncio.gather(*attempts, return_exceptions=True)

    assert [type(outcome) for outcome in outcomes if outcome is not None] == [PositionMoved] * 3


async def test_position_without_a_row_is_a_conflict(store: SnapshotStore) -> None:
    """A partition that was never loaded cannot be stored."""
    ordinal = await store.open_epoch("one")
    with pytest.raises(PositionMoved):
        await store.store(ordinal, step(0, 0, 7))


async def test_members_that_open_and_load_at_once(store: SnapshotStore) -> None:
    """Members that meet a new epoch at the same time get the same ordinal and the same positions."""
    ordinals = await asyncio.gather(*(store.open_epoch("one") for _ in range(4)))
    loads = await asyncio.gather(*(store.load_partitions(ordinals[0], [2, 0, 1]) for _ in range(4)))

    assert len(set(ordinals)) == 1
    assert {loaded[number].next for loaded in loads for number in range(3)} == {0}


async def test_new_epoch_begins_anew(store: SnapshotStore, numbering: Make) -> None:
    """A new epoch has a higher ordinal, no position and no state; the former one can be neither stored nor loaded."""
    first = await store.open_epoch("one")
    await store.load_partitions(first, [0])
    await store.store(first, step(0, 0, 900, numbering("AAPL", 900), numbering("MSFT", 800)))
    second = await store.open_epoch("two")

    assert second > first
    assert (await store.load_partitions(second, [0]))[0].next == 0
    with pytest.raises(PositionMoved):
        await store.store(first, step(0, 900, 901))
    await store.store(second, step(0, 0, 1, numbering("AAPL", 1)))
    snapshot = await store.load("two")
    assert snapshot is not None
    assert [row_of(one) for one in snapshot.numberings] == [row_of(numbering("AAPL", 1))]
    assert await store.load("one") is None
    assert await store.newest_epoch() == "two"


async def test_epoch_that_comes_back_is_a_new_one(store: SnapshotStore, numbering: Make) -> None:
    """An epoch that comes back after another one has lost its state, and begins anew under a new ordinal."""
    first = await store.open_epoch("one")
    await store.load_partitions(first, [0])
    await store.store(first, step(0, 0, 5, numbering("AAPL", 5)))
    await store.open_epoch("two")
    third = await store.open_epoch("one")

    assert third > first
    assert (await store.load_partitions(third, [0]))[0].next == 0
    assert await store.open_epoch("one") == third


async def test_snapshot_is_of_one_moment(store: SnapshotStore, database: Database, url: str, numbering: Make) -> None:
    """While members store, each snapshot has the state of exactly its positions."""
    ordinal = await store.open_epoch("one")
    await store.load_partitions(ordinal, [0])
    await store.store(ordinal, step(0, 0, 1, numbering("AAPL", 1), numbering("MSFT", 1)))
    storing = asyncio.create_task(_store_on(store, ordinal, numbering))
    for _ in range(40):
        snapshot = await store.load("one")
        assert snapshot is not None
        assert {one.newest.sequence for one in snapshot.numberings} == {snapshot.positions[0]}
        loaded = (await store.load_partitions(ordinal, [0]))[0]
        assert {one.newest.sequence for one in loaded.numberings} == {loaded.next}
    storing.cancel()
    await asyncio.gather(storing, return_exceptions=True)


async def _store_on(store: SnapshotStore, ordinal: int, numbering: Make) -> None:
    at = 1
    while True:
        rows = (numbering("AAPL", at + 1), numbering("MSFT", at + 1))
        await store.store(ordinal, step(0, at, at + 1, *rows))
        at += 1


async def test_failure_leaves_nothing(store: SnapshotStore, url: str, numbering: Make) -> None:
    """A transaction that fails after the position was moved leaves the position where it was."""
    ordinal = await store.open_epoch("one")
    await store.load_partitions(ordinal, [0])
    with psycopg.connect(url) as connection:
        connection.execute("ALTER TABLE latest_price ADD CONSTRAINT cheap CHECK (price < 5)")
    with pytest.raises(Exception, match="cheap"):
        await store.store(ordinal, step(0, 0, 7, numbering("AAPL", 5, price="6")))

    with psycopg.connect(url) as connection:
        assert connection.execute(f"SELECT next FROM {sync_position.name}".encode()).fetchall() == [(0,)]


async def test_database_that_is_away(store: SnapshotStore, database: Database) -> None:
    """An outage is told as such."""
    await database.close()
    with pytest.raises(DatabaseUnavailable):
        await store.load("one")


async def test_positions_alone(store: SnapshotStore, numbering: Make) -> None:
    """How far the newest epoch is stored can be asked without loading it; of another epoch nothing is known."""
    ordinal = await store.open_epoch("one")
    await store.load_partitions(ordinal, [0, 1])
    await store.store(ordinal, step(0, 0, 7, numbering("AAPL", 5)))

    assert await store.positions("one") == {0: 7, 1: 0}
    assert await store.positions("two") == {}


def checkpoints(url: str) -> list[tuple[int, int]]:
    """Return partition and position of all checkpoints."""
    with psycopg.connect(url) as connection:
        query = f"SELECT log_partition, position FROM {log_checkpoint.name} ORDER BY 1, 2"
        return connection.execute(query.encode()).fetchall()


async def test_checkpoint_is_stored_with_its_step(store: SnapshotStore, url: str, numbering: Make) -> None:
    """A step that has the whole state leaves a checkpoint; another one does not."""
    ordinal = await store.open_epoch("one")
    await store.load_partitions(ordinal, [0])
    await store.store(ordinal, replace(step(0, 0, 7, numbering("AAPL", 5)), state=[numbering("AAPL", 5)]))
    await store.store(ordinal, step(0, 7, 9, numbering("AAPL", 8)))

    assert checkpoints(url) == [(0, 7)]


async def test_member_that_is_late_writes_no_checkpoint(store: SnapshotStore, url: str, numbering: Make) -> None:
    """A member that was frozen while another one stored leaves no checkpoint, of this epoch or of a former one."""
    first = await store.open_epoch("one")
    await store.load_partitions(first, [0])
    await store.store(first, step(0, 0, 7, numbering("AAPL", 5)))
    with pytest.raises(PositionMoved):
        await store.store(first, replace(step(0, 0, 9, numbering("AAPL", 8)), state=[numbering("AAPL", 8)]))
    await store.open_epoch("two")
    with pytest.raises(PositionMoved):
        await store.store(first, replace(step(0, 7, 9, numbering("AAPL", 8)), state=[numbering("AAPL", 8)]))

    assert checkpoints(url) == []


async def test_checkpoint_that_fails_leaves_nothing(store: SnapshotStore, url: str, numbering: Make) -> None:
    """A transaction whose checkpoint fails stores nothing, and the checkpoint stays due."""
    ordinal = await store.open_epoch("one")
    await store.load_partitions(ordinal, [0])
    with psycopg.connect(url) as connection:
        connection.execute("ALTER TABLE log_checkpoint ADD CONSTRAINT early CHECK (position < 5)")
    with pytest.raises(Exception, match="early"):
        await store.store(ordinal, replace(step(0, 0, 7, numbering("AAPL", 5)), state=[numbering("AAPL", 5)]))

    assert await store.positions("one") == {0: 0}
    assert store.checkpoint_due(ordinal, 0, 7)


async def test_next_member_goes_on_in_the_same_pace(database: Database, store: SnapshotStore, numbering: Make) -> None:
    """The first checkpoint of a partition is due at once; the next one after some records, whoever stores them."""
    ordinal = await store.open_epoch("one")
    await store.load_partitions(ordinal, [0])
    assert store.checkpoint_due(ordinal, 0, 7)
    await store.store(ordinal, replace(step(0, 0, 7, numbering("AAPL", 5)), state=[numbering("AAPL", 5)]))
    other = SnapshotStore(database, spacing=Spacing(seconds=60, records=100))
    await other.load_partitions(ordinal, [0])

    assert not store.checkpoint_due(ordinal, 0, 107)
    assert not other.checkpoint_due(ordinal, 0, 106)
    assert other.checkpoint_due(ordinal, 0, 107)


def bar(sequence: int, ordinal: int) -> Bar:
    """Return the bar of one tick of AAPL."""
    return bar_of(AcceptedTick("AAPL", "1.50", "2", sequence, sequence, sequence, sequence), ordinal, MINUTE)


def counts(url: str) -> list[tuple[int, int]]:
    """Return epoch ordinal and tick count of all bars."""
    with psycopg.connect(url) as connection:
        return connection.execute("SELECT epoch_ordinal, tick_count FROM minute_bar ORDER BY 1").fetchall()


async def test_bars_are_stored_with_their_position(store: SnapshotStore, url: str) -> None:
    """Bars of a step are merged with what stands, and those of a step that goes on from elsewhere are not."""
    ordinal = await store.open_epoch("one")
    await store.load_partitions(ordinal, [0])
    first = replace(step(0, 0, 1), bars=[bar(1, ordinal)])
    await store.store(ordinal, first)
    with pytest.raises(PositionMoved):
        await store.store(ordinal, first)
    await store.store(ordinal, replace(step(0, 1, 2), bars=[bar(2, ordinal)]))

    assert counts(url) == [(ordinal, 2)]


async def test_epoch_that_comes_back_has_counted(store: SnapshotStore, numbering: Make) -> None:
    """Who folds an epoch anew is told how far its ticks are in bars, by partition; a new epoch has counted none."""
    first = await store.open_epoch("one")
    await store.load_partitions(first, [0, 1])
    await store.store(first, step(0, 0, 5, numbering("AAPL", 5)))
    other = await store.load_partitions(await store.open_epoch("two"), [0])
    third = await store.open_epoch("one")
    loaded = await store.load_partitions(third, [0, 1])
    await store.store(third, step(0, 0, 7, numbering("AAPL", 7)))
    await store.open_epoch("two")
    last = await store.load_partitions(await store.open_epoch("one"), [0])

    assert other[0].counted == 0
    assert [(loaded[n].next, loaded[n].ordinal, loaded[n].counted) for n in (0, 1)] == [(0, third, 5), (0, third, 0)]
    assert last[0].counted == 7
