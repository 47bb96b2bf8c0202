from __future__ import annotations

import asyncio

import psycopg

from tests.support.broker import Broker
from tests.support.deployments import until
from ticker_server.app.syncing import sync_until
from ticker_server.settings import SyncSettings


async def test_stop_while_the_database_is_away() -> None:
    """A sync server that waits for its database ends when it is told to, without ever having been ready."""
    stop = asyncio.Event()
    ready = asyncio.Event()
    settings = SyncSettings.load(kafka_bootstrap_servers="127.0.0.1:1", database_url="postgresql://127.0.0.1:1/ticker")
    running = asyncio.create_task(sync_until(stop, settings, ready.set))
    await asyncio.sleep(0)

    stop.set()
    await asyncio.wait_for(running, 10)

    assert not ready.is_set()


async def test_ready_then_stopped(broker: Broker, postgres_url: str, topic_prefix: str) -> None:
    """With Kafka and the database there it tells that it is ready, and ends when it is told to."""
    stop, ready = asyncio.Event(), asyncio.Event()
    settings = SyncSettings.load(
        kafka_bootstrap_servers=broker.bootstrap_servers,
        database_url=postgres_url,
        kafka_topic_prefix=topic_prefix,
        kafka_partitions=2,
    )
    running = asyncio.create_task(sync_until(stop, settings, ready.set))

    await asyncio.wait_for(ready.wait(), 30)
    stop.set()
    await asyncio.wait_for(running, 15)


async def test_partitions_of_ticks_are_there_ahead(broker: Broker, postgres_url: str, topic_prefix: str) -> None:
    """A sync server that stores ticks makes the partitions of today and the next days by itself."""
    stop = asyncio.Event()
    settings = SyncSettings.load(
        kafka_bootstrap_servers=broker.bootstrap_servers,
        database_url=postgres_url,
        kafka_topic_prefix=topic_prefix,
        kafka_partitions=2,
        raw_ticks=True,
    )
    running = asyncio.create_task(sync_until(stop, settings, lambda: None))
    await until(lambda: tick_partitions(postgres_url) == 3, "the partitions are there", 20)
    stop.set()
    await asyncio.wait_for(running, 15)


def tick_partitions(url: str) -> int:
    """Return how many partitions there are; none before the schema is there."""
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT count(*) FROM pg_class WHERE relname ~ '^price_tick_[0-9]+$'").fetchone()
    assert row is not None
    return int(row[0])
