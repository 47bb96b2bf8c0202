"""The sync server against a real broker and a real database; tests/integration has its faults."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
import pytest

from tests.support.price_topic import LogFold, PriceTopic
from tests.support.price_traffic import records, traffic
from tests.support.sync_state import (
    assert_checkpoints_exact,
    assert_exact,
    assert_nothing_went_back,
    keep_history,
    read_stored,
    wait_for_stored,
    wait_until_stored,
)
from ticker_server.catalog import Database
from ticker_server.errors import DatabaseUnavailable
from ticker_server.feed.kafka.topics import TopicsUnusable
from ticker_server.history.fold import Step
from ticker_server.history.snapshots import SnapshotStore
from ticker_server.history.sync import SyncServer
from ticker_server.model.tick import Tick


def server_of(topic: PriceTopic, store: SnapshotStore, **options: Any) -> SyncServer:
    """Return a sync server in a hurry."""
    options = {"interval_seconds": 0.1, "session_seconds": 1.0} | options
    return SyncServer(topic.connection, topic.prefix, topic.partitions, store, **options)


@asynccontextmanager
async def running(*servers: SyncServer) -> AsyncIterator[None]:
    """Run servers until the end of the block, and stop them as a signal does."""
    runs = [asyncio.create_task(server.run()) for server in servers]
    try:
        yield
        for server in servers:
            server.stop()
        async with asyncio.timeout(15):
            await asyncio.gather(*runs)
    finally:
        for run in runs:
            run.cancel()
        await asyncio.gather(*runs, return_exceptions=True)


def write(topic: PriceTopic, count: int, seed: int) -> None:
    """Write so many records of all kinds."""
    source = records(topic.partitions, seed)
    for _ in range(count):
        topic.produce(*next(source))
    topic.flush()


async def test_stores_what_follows_from_the_log(topic: PriceTopic, url: str, store: SnapshotStore) -> None:
    """What stands in the log before and while a server runs is stored exactly, and goes on with the next server."""
    fold = LogFold(topic)
    keep_history(url)
    await asyncio.to_thread(write, topic, 2_000, 1)
    async with running(server_of(topic, store)):
        await wait_until_stored(url, topic)
        await asyncio.to_thread(assert_exact, url, fold)
        await asyncio.to_thread(write, topic, 500, 2)
        await wait_until_stored(url, topic)
    await asyncio.to_thread(write, topic, 500, 3)
    async with running(server_of(topic, store)):
        await wait_until_stored(url, topic)

    await asyncio.to_thread(assert_exact, url, fold)
    await asyncio.to_thread(assert_checkpoints_exact, url, topic)
    with psycopg.connect(url) as connection:
        # The first step of each partition has left one, and the next ones come later.
        assert connection.execute("SELECT count(*) FROM log_checkpoint").fetchall() == [(topic.partitions,)]


async def test_gateways_load_what_analysts_see(topic: PriceTopic, url: str, store: SnapshotStore) -> None:
    """The snapshot of the topic's epoch holds what the tables show."""
    topic.publish(Tick("AAPL", "1.50", "", None, "p", 1), Tick("AAPL", "1.60", "", None, "p", 2), Tick("MSFT", "2"))
    async with running(server_of(topic, store)):
        await wait_until_stored(url, topic)

    snapshot = await store.load(await store.newest_epoch())
    assert snapshot is not None
    assert dict(snapshot.positions) == topic.ends()
    newest = {one.newest.stock_id: (one.newest.price, one.newest.tick_number) for one in snapshot.numberings}
    assert newest == {"AAPL": ("1.60", 2), "MSFT": ("2", 1)}


class Gate(SnapshotStore):
    """A snapshot store that takes nothing until it is opened; `offered` tells what it would have got."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.offered = asyncio.Queue[Step]()
        self.opened = False

    async def store(self, ordinal: int, step: Step) -> None:
        """Store if it is open."""
        self.offered.put_nowait(step)
        if not self.opened:
            raise DatabaseUnavailable("not yet")
        await super().store(ordinal, step)


async def test_stop_stores_the_rest(topic: PriceTopic, url: str, database: Database) -> None:
    """A server that is stopped stores what it has folded before it leaves."""
    gate = Gate(database)
    topic.publish(Tick("AAPL", "1.50"))
    async with running(server_of(topic, gate)):
        async with asyncio.timeout(20):
            while not (await gate.offered.get()).prices:
                pass
        gate.opened = True

    assert read_stored(url).prices.keys() == {"AAPL"}


async def test_two_members_share(topic: PriceTopic, url: str, store: SnapshotStore) -> None:
    """Two members store one log together, while one of them comes and goes."""
    fold = LogFold(topic)
    await asyncio.to_thread(keep_history, url)
    async with running(server_of(topic, store)), traffic(topic, seed=4):
        await wait_for_stored(url, lambda stored: len(stored.positions) == topic.partitions)
        second = server_of(topic, store)
        async with running(second):
            await second.ready()
            await asyncio.to_thread(assert_exact, url, fold)
            await more_of_all(url)
        await more_of_all(url)
    await asyncio.to_thread(assert_exact, url, fold)
    assert_nothing_went_back(url)


async def more_of_all(url: str) -> None:
    """Wait until more is stored of every partition than is now."""
    before = await asyncio.to_thread(read_stored, url)
    await wait_for_stored(url, lambda stored: all(stored.positions[n] > at for n, at in before.positions.items()))


async def test_topic_made_anew(topic: PriceTopic, url: str, store: SnapshotStore) -> None:
    """A topic that is deleted, made anew and filled past the old positions is another epoch; nothing is mixed."""
    keep_history(url)
    old = [Tick(f"OLD{number % 9}", "1") for number in range(200)]
    new = [Tick(f"NEW{number % 9}", "2") for number in range(400)]
    topic.publish(*old, Tick("BOTH", "3"))
    async with running(server_of(topic, store)):
        await wait_until_stored(url, topic)
        first = read_stored(url)
        await asyncio.to_thread(topic.delete)
        await asyncio.to_thread(topic.create)
        topic.publish(*new, Tick("BOTH", "4"))
        await wait_for_stored(url, lambda stored: stored.ordinal > first.ordinal)
        await wait_until_stored(url, topic)

    await asyncio.to_thread(assert_exact, url, LogFold(topic))
    assert_nothing_went_back(url)
    with psycopg.connect(url) as connection:
        former = connection.execute(
            "SELECT stock_id, tick_number FROM latest_price WHERE epoch_ordinal = %s", [first.ordinal]
        ).fetchall()
    # Prices of stocks that the new log has nothing of yet stay as they were.
    assert dict(former) == {stock: row[6] for stock, row in first.prices.items() if stock != "BOTH"}


async def test_topic_made_anew_while_nobody_looked(topic: PriceTopic, url: str, store: SnapshotStore) -> None:
    """A server that starts after the topic was made anew does not go on from positions of the old one."""
    topic.publish(*(Tick("AAPL", "1") for _ in range(50)))
    async with running(server_of(topic, store)):
        await wait_until_stored(url, topic)
    await asyncio.to_thread(topic.delete)
    await asyncio.to_thread(topic.create)
    topic.publish(*(Tick("AAPL", "2") for _ in range(80)))
    async with running(server_of(topic, store)):
        await wait_until_stored(url, topic)

    assert (await asyncio.to_thread(assert_exact, url, LogFold(topic))).prices["AAPL"][6] == 80


async def test_partitions_are_added(topic: PriceTopic, url: str, store: SnapshotStore) -> None:
    """Partitions beyond the setting are left alone, and nothing of the others is lost or counted twice."""
    async with running(server_of(topic, store)), traffic(topic, seed=5):
        await wait_for_stored(url, lambda stored: len(stored.positions) == topic.partitions)
        await asyncio.to_thread(topic.add_partitions, 8)
        await more_of_all(url)
        topic.produce(6, b"AAPL", b"\x0a\x04AAPL\x12\x011")
        topic.flush()
        await more_of_all(url)
    async with running(server_of(topic, store)):
        await wait_until_stored(url, topic)

    assert (await asyncio.to_thread(assert_exact, url, LogFold(topic))).positions.keys() == {0, 1, 2, 3}


async def test_beginning_that_is_gone(topic: PriceTopic, url: str, store: SnapshotStore) -> None:
    """Where the oldest records are gone, numbers begin at the oldest that is left."""
    topic.publish(*(Tick("AAPL", "1") for _ in range(10)))
    partition = next(number for number, end in topic.ends().items() if end)
    await asyncio.to_thread(topic.delete_before, partition, 7)
    async with running(server_of(topic, store)):
        await wait_for_stored(url, lambda stored: bool(stored.prices))

    assert read_stored(url).prices["AAPL"][5:7] == (10, 3)


async def test_topic_is_made_where_it_is_missing(topic: PriceTopic, url: str, store: SnapshotStore) -> None:
    """The first server of a deployment makes the topic."""
    fresh = PriceTopic(topic.connection.bootstrap_servers, f"{topic.prefix}.fresh", 2)
    server = server_of(fresh, store)
    async with running(server):
        await server.ready()
        fresh.publish(Tick("AAPL", "1"))
        await wait_until_stored(url, fresh)


async def test_topic_with_too_few_partitions(topic: PriceTopic, store: SnapshotStore) -> None:
    """A topic that cannot be the price log ends the server."""
    wide = PriceTopic(topic.connection.bootstrap_servers, topic.prefix, 9)
    with pytest.raises(TopicsUnusable):
        await server_of(wide, store).run()


async def test_stop_while_kafka_is_away(topic: PriceTopic, store: SnapshotStore) -> None:
    """A server that waits for Kafka can be stopped."""
    nowhere = PriceTopic("127.0.0.1:9", topic.prefix, 4)
    async with running(server_of(nowhere, store)):
        await asyncio.sleep(0)
