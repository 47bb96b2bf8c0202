"""Reading checkpoints."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from structlog.testing import capture_logs

from tests.ticker_server.history.test_price_rows import told
from ticker_server.catalog import Database, open_database
from ticker_server.errors import DatabaseUnavailable
from ticker_server.history.checkpoints import CheckpointStore
from ticker_server.history.fold import Step
from ticker_server.history.packing import pack
from ticker_server.history.snapshots import SnapshotStore
from ticker_server.model.acceptance import Checkpoint, Numbering

Make = Callable[..., Numbering]

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def checkpoints(database: Database) -> CheckpointStore:
    """Return what is tested."""
    return CheckpointStore(database)


async def keep(store: SnapshotStore, epoch: str, partition: int, state: Numbering, *positions: int) -> int:
    """Store steps to positions, each with a state; return the ordinal."""
    ordinal = await store.open_epoch(epoch)
    at = (await store.load_partitions(ordinal, [partition]))[partition].next
    for position in positions:
        await store.store(ordinal, Step(partition, at, position, [], [state]))
        at = position
    return ordinal


def place(checkpoint: Checkpoint | None) -> int | None:
    """Return where a checkpoint is."""
    return None if checkpoint is None else checkpoint.position


async def test_nothing_is_found_at_first(checkpoints: CheckpointStore) -> None:
    """An empty database has no checkpoint."""
    assert await checkpoints.at_or_below("one", 0, 7) is None
    assert await checkpoints.oldest("one", 0) is None


async def test_nearest_one_is_found(checkpoints: CheckpointStore, store: SnapshotStore, numbering: Make) -> None:
    """The newest at or below a position is found, and the oldest at or above one, of the partition alone."""
    await keep(store, "one", 1, numbering("AAPL", 1), 10, 20, 30)
    await keep(store, "one", 2, numbering("MSFT", 1), 15)

    assert [place(await checkpoints.at_or_below("one", 1, at)) for at in (9, 10, 19, 20, 99)] == [None, 10, 10, 20, 30]
    assert [place(await checkpoints.oldest("one", 1, at)) for at in (0, 10, 11, 30, 31)] == [10, 10, 20, 30, None]
    assert place(await checkpoints.oldest("one", 1)) == 10


async def test_state_comes_back(checkpoints: CheckpointStore, store: SnapshotStore, numbering: Make) -> None:
    """A checkpoint has the state that the step had."""
    state = numbering("AAPL", 5, price="1.50", zulu=1, alpha=2)
    await keep(store, "one", 1, state, 10)

    found = await checkpoints.at_or_below("one", 1, 12)
    assert found is not None
    assert [told(one) for one in found.numberings] == [told(state)]


async def test_other_epochs_have_none(
    checkpoints: CheckpointStore, store: SnapshotStore, url: str, numbering: Make
) -> None:
    """A new epoch begins without checkpoints, those of the former one are deleted, and an unknown one has none."""
    await keep(store, "one", 1, numbering("AAPL", 1), 10)
    assert await checkpoints.at_or_below("two", 1, 12) is None
    second = await keep(store, "two", 1, numbering("AAPL", 1), 5)

    assert await checkpoints.oldest("one", 1) is None
    assert place(await checkpoints.oldest("two", 1)) == 5
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT DISTINCT epoch_ordinal FROM log_checkpoint").fetchall() == [(second,)]


async def test_epoch_that_is_not_the_newest_has_none(
    checkpoints: CheckpointStore, store: SnapshotStore, url: str, numbering: Make
) -> None:
    """A checkpoint that a former epoch left behind is not found, even if the epoch has the same name."""
    ordinal = await keep(store, "one", 1, numbering("AAPL", 1), 10)
    await store.open_epoch("two")
    await store.open_epoch("one")
    with psycopg.connect(url) as connection:
        connection.execute("INSERT INTO log_checkpoint VALUES (%s, 1, 10, 0, 0, %s)", [ordinal, pack([])])

    assert await checkpoints.oldest("one", 1) is None


async def test_what_cannot_be_read_is_none(
    checkpoints: CheckpointStore, store: SnapshotStore, url: str, numbering: Make
) -> None:
    """A checkpoint in an unknown format is taken for none, and told in the log."""
    await keep(store, "one", 1, numbering("AAPL", 1), 10)
    with psycopg.connect(url) as connection:
        connection.execute("UPDATE log_checkpoint SET state = set_byte(state, 0, 9)")

    with capture_logs() as logs:
        assert await checkpoints.at_or_below("one", 1, 12) is None
    assert [(line["event"], line["position"]) for line in logs] == [("checkpoint cannot be read", 10)]


async def test_documented_rights_are_enough(role_url: Callable[[str], str], numbering: Make) -> None:
    """With the rights of the documentation a sync server begins epochs, writes and thins out, and a gateway reads."""
    writer = open_database(role_url("ticker_sync"))
    reader = open_database(role_url("ticker_gateway"))
    store = SnapshotStore(writer)
    await keep(store, "zero", 1, numbering("AAPL", 1), 10)
    await keep(store, "one", 1, numbering("AAPL", 1), 10, 20)
    late = numbering("AAPL", 10**18)
    await keep(store, "one", 1, late, 30, 40)

    assert place(await CheckpointStore(reader).oldest("one", 1)) == 30
    await writer.close()
    await reader.close()


async def test_database_that_is_away(checkpoints: CheckpointStore, database: Database) -> None:
    """An outage is told as such."""
    await database.close()
    with pytest.raises(DatabaseUnavailable):
        await checkpoints.at_or_below("one", 0, 7)
    with pytest.raises(DatabaseUnavailable):
        await checkpoints.oldest("one", 0)
