"""The relay from the outbox to the readers of changes."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from ticker_server.catalog.database import Database
from ticker_server.catalog.outbox import OutboxRelay
from ticker_server.catalog.outbox_table import NO_REVISION, OutboxTable
from ticker_server.errors import DatabaseUnavailable, PriceLogUnavailable
from ticker_server.model.change import Change, StockDeleted

CreateStocks = Callable[..., Awaitable[None]]
NEVER = 3600.0


class Readers:
    """Takes what is published, or refuses it while `error` is set."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.error: Exception | None = None
        self.called = asyncio.Event()

    @property
    def revisions(self) -> list[int]:
        """The revisions that were taken, in order."""
        return [revision for batch in self.batches for revision in batch]

    async def publish(self, changes: Sequence[Change]) -> None:
        """Take changes or refuse them."""
        self.called.set()
        if self.error is not None:
            raise self.error
        self.batches.append([change.revision for change in changes])

    async def next_call(self) -> None:
        """Wait until something is published from now on."""
        self.called.clear()
        await self.called.wait()


@pytest.fixture
def readers() -> Readers:
    """Return readers that have seen nothing."""
    return Readers()


@asynccontextmanager
async def running(relay: OutboxRelay) -> AsyncIterator[asyncio.Task[None]]:
    """Run a relay until the end of the block."""
    task = asyncio.create_task(relay.run())
    yield task
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def waiting(database: Database) -> list[int]:
    """Return the revisions that the outbox holds."""
    async with database.reading() as connection:
        return [change.revision for change in await OutboxTable(connection).list_oldest(100)]


async def emptied(database: Database) -> None:
    """Wait until the outbox is empty."""
    while await waiting(database):  # noqa: ASYNC110 - the database has no event for it
        await asyncio.sleep(0)  # let the relay go on


async def test_changes_are_published_in_order(
    database: Database, readers: Readers, create_stocks: CreateStocks
) -> None:
    """All changes are published in the order of their revisions, in batches, and leave the outbox."""
    await create_stocks("A", "B", "C", "D", "E")
    relay = OutboxRelay(database, readers.publish, batch=2)

    assert await relay.relay() == 5
    assert readers.batches == [[1, 2], [3, 4], [5]]
    assert await waiting(database) == []
    assert await relay.relay() == 0


async def test_change_stays_until_it_is_published(
    database: Database, readers: Readers, create_stocks: CreateStocks
) -> None:
    """A change that could not be published stays in the outbox, and is published the next time."""
    await create_stocks("A", "B")
    relay = OutboxRelay(database, readers.publish)
    readers.error = PriceLogUnavailable("gone")
    with pytest.raises(PriceLogUnavailable):
        await relay.relay()
    assert await waiting(database) == [1, 2]

    readers.error = None
    await relay.relay()
    assert readers.revisions == [1, 2]
    assert await waiting(database) == []


async def test_change_is_still_stored_while_it_is_published(database: Database, create_stocks: CreateStocks) -> None:
    """A change leaves the outbox only after it was published."""
    await create_stocks("A")
    seen = []

    async def publish(_changes: Sequence[Change]) -> None:
        seen.append(await waiting(database))

    await OutboxRelay(database, publish).relay()

    assert seen == [[1]]


async def test_publisher_may_change_the_catalog(
    database: Database, readers: Readers, create_stocks: CreateStocks
) -> None:
    """Publishing holds no lock: what it changes itself is relayed, too."""
    await create_stocks("A")

    async def publish(changes: Sequence[Change]) -> None:
        if not readers.batches:
            await create_stocks("B")
        await readers.publish(changes)

    await OutboxRelay(database, publish).relay()

    assert readers.revisions == [1, 2]


async def test_nudge_relays_at_once(database: Database, readers: Readers, create_stocks: CreateStocks) -> None:
    """A running relay does not wait for its sweep when it is nudged."""
    relay = OutboxRelay(database, readers.publish, sweep_seconds=NEVER)
    async with running(relay):
        for stock_id in ("A", "B", "C"):
            await create_stocks(stock_id)
            relay.nudge()
            await emptied(database)

    assert readers.revisions == [1, 2, 3]


async def test_sweep_finds_what_nobody_nudged_for(
    database: Database, readers: Readers, create_stocks: CreateStocks
) -> None:
    """A running relay finds changes of others by itself."""
    async with running(OutboxRelay(database, readers.publish, sweep_seconds=0.001)):
        for stock_id in ("A", "B", "C", "D"):
            await create_stocks(stock_id)
            await emptied(database)

    assert readers.revisions == [1, 2, 3, 4]


async def test_start_relays_what_was_left(database: Database, readers: Readers, create_stocks: CreateStocks) -> None:
    """What a former process committed and did not publish is published at the start."""
    await create_stocks("A")
    async with running(OutboxRelay(database, readers.publish, sweep_seconds=NEVER)):
        await emptied(database)

    assert readers.revisions == [1]


@pytest.mark.parametrize("error", [PriceLogUnavailable("gone"), ZeroDivisionError()])
async def test_failure_is_logged_once_and_tried_again(
    database: Database, readers: Readers, create_stocks: CreateStocks, error: Exception
) -> None:
    """A relay goes on after any failure, logs its begin and its end, and loses and reorders nothing."""
    await create_stocks("A")
    readers.error = error
    with capture_logs() as logs:
        async with running(OutboxRelay(database, readers.publish, sweep_seconds=0.001)) as task:
            for _ in range(3):
                await readers.next_call()
            await create_stocks("B")
            readers.error = None
            await emptied(database)
            while len(logs) < 2:  # noqa: ASYNC110 - the log has no event for it
                await asyncio.sleep(0)  # let the relay come to its next wait
            assert not task.done()

    assert readers.revisions == [1, 2]
    assert [entry["event"] for entry in logs] == ["outbox relay stalled", "outbox relay goes on"]


async def test_failure_waits_for_the_sweep(database: Database, readers: Readers, create_stocks: CreateStocks) -> None:
    """After a failure nudges do not make the relay try more often than it sweeps."""
    await create_stocks("A")
    readers.error = PriceLogUnavailable("gone")
    calls = 0

    async def publish(changes: Sequence[Change]) -> None:
        nonlocal calls
        calls += 1
        await readers.publish(changes)

    relay = OutboxRelay(database, publish, sweep_seconds=NEVER)
    async with running(relay):
        await readers.next_call()
        for _ in range(5):
            relay.nudge()
            await create_stocks("B")  # gives the relay time: several turns of the loop and of a thread

    assert calls == 1


async def test_outage_of_the_database_is_survived(
    sqlite_database: Database, sqlite_file: Path, readers: Readers
) -> None:
    """A change that was published but could not be forgotten is published again when the database is back."""
    async with sqlite_database.writing() as connection:
        await OutboxTable(connection).append([StockDeleted("A", NO_REVISION)])
    relay = OutboxRelay(sqlite_database, readers.publish, sweep_seconds=0.001)
    with closing(sqlite3.connect(sqlite_file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(DatabaseUnavailable):
            await relay.relay()
        async with running(relay):
            await readers.next_call()
            other.execute("ROLLBACK")
            await emptied(sqlite_database)

    assert set(readers.revisions) == {1}
    assert len(readers.revisions) >= 2


async def test_cancellation_ends_the_relay(database: Database, create_stocks: CreateStocks) -> None:
    """A relay that is cancelled while it publishes ends, and the change is there for the next one."""
    await create_stocks("A")
    began = asyncio.Event()

    async def publish(_changes: Sequence[Change]) -> None:
        began.set()
        await asyncio.Event().wait()

    async with running(OutboxRelay(database, publish, sweep_seconds=NEVER)):
        await began.wait()

    assert await waiting(database) == [1]
