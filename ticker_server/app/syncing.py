"""A sync server: what it stands on, from the start to the stop."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

from ticker_server.app.cluster import connection_of
from ticker_server.app.patience import migrated, patiently
from ticker_server.catalog import open_database
from ticker_server.catalog.sweeping import Sweep
from ticker_server.clock import SystemClock
from ticker_server.history.process import run_sync
from ticker_server.history.retention import Retention, RetentionWork
from ticker_server.history.snapshots import SnapshotStore
from ticker_server.history.sync import SyncServer
from ticker_server.settings import SyncSettings

__all__ = ["sync_until"]

_STATEMENT_SECONDS = 30.0
_RETENTION_SECONDS = 600.0


async def sync_until(stop: asyncio.Event, settings: SyncSettings, tell_ready: Callable[[], None]) -> None:
    """Run a sync server until `stop` is set; it waits for a database and for Kafka as long as they are away.

    Raises:
        DatabaseUnusable, TopicsUnusable: They answer, but cannot be used as they are.
    """
    migrating = asyncio.create_task(patiently("database", lambda: migrated(settings.database), math.inf))
    stopped = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([migrating, stopped], return_when=asyncio.FIRST_COMPLETED)
        if not migrating.done():
            return
        migrating.result()
    finally:
        migrating.cancel()
        stopped.cancel()
        await asyncio.wait([migrating, stopped])
    database = open_database(
        settings.database, statement_seconds=_STATEMENT_SECONDS, application_name="ticker-server sync"
    )
    retention = Retention(settings.bar_retention_days, settings.tick_retention_days)
    clock = SystemClock()
    work = RetentionWork(database, clock, retention, raw_ticks=settings.raw_ticks)
    sweeping = asyncio.create_task(Sweep("retention", work, seconds=_RETENTION_SECONDS).run())
    try:
        server = SyncServer(
            connection_of(settings),
            settings.kafka_topic_prefix,
            settings.kafka_partitions,
            SnapshotStore(database, clock, retention=retention, raw_ticks=settings.raw_ticks),
            interval_seconds=settings.sync_interval,
        )
        await run_sync(server, on_ready=tell_ready, stopping=stop)
    finally:
        sweeping.cancel()
        await asyncio.gather(sweeping, return_exceptions=True)
        await database.close()
