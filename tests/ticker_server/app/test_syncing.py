from __future__ import annotations

import asyncio

from tests.support.broker import Broker
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
