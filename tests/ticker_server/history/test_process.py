"""The sync server as a process runs it."""

from __future__ import annotations

import asyncio

from tests.support.price_topic import PriceTopic
from tests.support.sync_state import wait_until_stored
from ticker_server.history.process import run_sync
from ticker_server.history.snapshots import SnapshotStore
from ticker_server.history.sync import SyncServer
from ticker_server.model.tick import Tick


async def test_ready_is_told_and_stopping_ends_it(topic: PriceTopic, url: str, store: SnapshotStore) -> None:
    """It says once that it is ready, stores, and returns when it is to stop."""
    ready, stopping = asyncio.Queue[None](), asyncio.Event()
    server = SyncServer(topic.connection, topic.prefix, topic.partitions, store, interval_seconds=0.1)
    run = asyncio.create_task(run_sync(server, on_ready=lambda: ready.put_nowait(None), stopping=stopping))
    async with asyncio.timeout(20):
        await ready.get()
        topic.publish(Tick("AAPL", "1"))
        await wait_until_stored(url, topic)
        stopping.set()
        await run

    assert ready.empty()
