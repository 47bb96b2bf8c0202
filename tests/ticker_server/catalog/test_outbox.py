"""The relay from the outbox to the readers of changes."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest
from sqlalchemy import event, text
from structlog.testing import capture_logs

from ticker_server.catalog.database import Database
from ticker_server.catalog.engine import open_database
from ticker_server.catalog.outbox import OutboxRelay
from ticker_server.catalog.outbox_table import NO_REVISION, OutboxTable
from ticker_server.catalog.service import Catalog
from ticker_server.errors import DatabaseUnavailable, PriceLogUnavailable
from ticker_server.model.change import Change, StockDeleted, SubscriptionRemoved
from ticker_server.model.subscription import Wish

CreateStocks = Callable[..., Awaitable[None]]
MakeWishes = Callable[..., Sequence[Wish]]
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
    try:
        yield task
    finally:
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


class SlowReaders(Readers):
    """Takes what is published while the gate is open, and watches that no change is published by two at once."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self.under_way: list[int] = []
        self.met: list[int] = []

    async def publish(self, changes: Sequence[Change]) -> None:
        """Take changes once the gate is open."""
        revisions = [change.revision for change in changes]
        self.met += [revision for revision in revisions if revision in self.under_way]
        self.under_way += revisions
        self.called.set()
        try:
            await self.gate.wait()
            await super().publish(changes)
        finally:
            self.under_way = [revision for revision in self.under_way if revision not in revisions]


async def append(database: Database, *changes: Change) -> list[Change]:
    """Commit changes to the outbox, and return them with their revisions."""
    async with database.writing() as connection:
        return await OutboxTable(connection).append(changes)


def removals(*user_ids: str) -> list[Change]:
    """Return a change of each of the users."""
    return [SubscriptionRemoved(user_id, "A", NO_REVISION) for user_id in user_ids]


async def test_change_that_is_committed_late_is_found(postgres_database: Database, readers: Readers) -> None:
    """A change whose revision is below one that was relayed already is relayed when it is committed."""
    relay = OutboxRelay(postgres_database, readers.publish)
    async with postgres_database.writing() as connection:
        await OutboxTable(connection).append(removals("ana"))
        await append(postgres_database, *removals("ben"))
        assert await relay.relay() == 1
    await relay.relay()

    assert readers.revisions == [2, 1]


async def test_relays_share_the_work(postgres_catalog_url: str) -> None:
    """Three gateways that relay at once publish each change once, none by two, and each user's in their order."""
    readers = SlowReaders()
    readers.gate.set()
    databases = [open_database(postgres_catalog_url) for _ in range(3)]
    users = [f"user{number % 20}" for number in range(200)]
    published: list[Change] = []

    async def publish(changes: Sequence[Change]) -> None:
        await readers.publish(changes)
        published.extend(changes)

    relays = [OutboxRelay(database, publish, sweep_seconds=0.001, batch=7) for database in databases]
    async with running(relays[0]), running(relays[1]), running(relays[2]):
        for first in range(0, len(users), 10):
            await append(databases[0], *removals(*users[first : first + 10]))
            relays[first % 3].nudge()
        await emptied(databases[0])
    for database in databases:
        await database.close()

    assert sorted(readers.revisions) == list(range(1, 201))
    assert readers.met == []
    for user_id in users:
        own = [
            change.revision
            for change in published
            if isinstance(change, SubscriptionRemoved) and change.user_id == user_id
        ]
        assert own == sorted(own)


async def test_other_relays_leave_what_is_being_published(postgres_database: Database, readers: Readers) -> None:
    """While one gateway publishes a user's change the others publish other users' changes, and none of that user's."""
    slow = SlowReaders()
    await append(postgres_database, *removals("ana"))
    publishing = asyncio.create_task(OutboxRelay(postgres_database, slow.publish).relay())
    await slow.called.wait()
    await append(postgres_database, *removals("ana", "ben", "ana"))

    assert await OutboxRelay(postgres_database, readers.publish).relay() == 1
    assert readers.revisions == [3]
    slow.gate.set()
    assert await publishing == 3
    assert slow.revisions == [1, 2, 4]


async def test_publishing_holds_up_no_change(
    postgres_database: Database, postgres_catalogs: Sequence[Catalog], wishes: MakeWishes
) -> None:
    """While a user's change cannot be published, that user and its stock can still be changed."""
    slow = SlowReaders()
    catalog = postgres_catalogs[0]
    await catalog.create_stock("A", name=None, currency=None)
    await catalog.add_stocks(wishes("ana", "A"))
    publishing = asyncio.create_task(OutboxRelay(postgres_database, slow.publish).relay())
    await slow.called.wait()

    await catalog.add_stocks(wishes("ana", "A", cadence=10**9))
    await catalog.update_stock("A", name="Other")
    await catalog.delete_user("ana")
    slow.gate.set()
    assert await publishing == 5


async def test_end_of_a_relay_frees_its_changes(postgres_database: Database, readers: Readers) -> None:
    """What a gateway was publishing when its connection was lost is published by another one."""
    slow = SlowReaders()
    await append(postgres_database, *removals("ana"))
    publishing = asyncio.create_task(OutboxRelay(postgres_database, slow.publish).relay())
    await slow.called.wait()
    async with postgres_database.writing() as connection:
        await connection.execute(
            text("SELECT pg_terminate_backend(pid, 5000) FROM pg_locks WHERE locktype = 'advisory'")
        )

    assert await OutboxRelay(postgres_database, readers.publish).relay() == 1
    slow.gate.set()
    with pytest.raises(DatabaseUnavailable):
        await publishing
    assert readers.revisions == [1]


async def test_stalled_relay_tries_one_change(postgres_database: Database, readers: Readers) -> None:
    """A gateway that cannot publish holds a single user's changes, so that another gateway can publish the rest."""
    await append(postgres_database, *removals("ana", "ben", "eve"))
    slow = SlowReaders()
    slow.error = PriceLogUnavailable("gone")
    slow.gate.set()
    async with running(OutboxRelay(postgres_database, slow.publish, sweep_seconds=0.001)):
        await slow.next_call()
        slow.gate.clear()
        await slow.next_call()
        await OutboxRelay(postgres_database, readers.publish).relay()

        assert slow.under_way == [1]
        assert readers.revisions == [2, 3]
    assert await waiting(postgres_database) == [1]


async def test_cancelled_relay_frees_its_changes(postgres_database: Database, readers: Readers) -> None:
    """A relay that is cancelled while it publishes leaves its changes to others, and its connection to the pool."""
    slow = SlowReaders()
    await append(postgres_database, *removals("ana"))
    async with running(OutboxRelay(postgres_database, slow.publish)):
        await slow.called.wait()
    while await OutboxRelay(postgres_database, readers.publish).relay() == 0:  # noqa: ASYNC110 - it ends by itself
        await asyncio.sleep(0)

    assert readers.revisions == [1]
    assert postgres_database._engine.pool.checkedout() == 0  # type: ignore[attr-defined]


async def test_idle_relay_asks_one_question(database: Database, readers: Readers) -> None:
    """A sweep that finds nothing is one query."""
    queries: list[str] = []
    event.listen(database._engine.sync_engine, "before_cursor_execute", lambda *arguments: queries.append(arguments[2]))

    assert await OutboxRelay(database, readers.publish).relay() == 0
    assert len([query for query in queries if "outbox" in query]) == 1
