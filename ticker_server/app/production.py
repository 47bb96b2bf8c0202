"""The production profile: the price log in Kafka, the catalog in PostgreSQL, any number of gateways."""

from __future__ import annotations

import asyncio
import contextlib
from typing import NoReturn

import structlog

from ticker_server.app.backend import Backend
from ticker_server.app.checkpoints import StoredStates
from ticker_server.app.cluster import Cluster
from ticker_server.app.errors import StartAnew
from ticker_server.app.parts import Parts
from ticker_server.app.patience import migrated, patiently
from ticker_server.app.remaking import RemadeChanges
from ticker_server.catalog import open_database
from ticker_server.clock import Clock
from ticker_server.errors import DatabaseUnavailable, PriceLogUnavailable
from ticker_server.feed.absent import AbsentLog
from ticker_server.feed.kafka.changes import ChangeTopic
from ticker_server.feed.kafka.identity import Identity
from ticker_server.feed.kafka.library_logs import limit_library_logs
from ticker_server.feed.kafka.log import KafkaLog, LogReplaced
from ticker_server.feed.log import PriceLog
from ticker_server.history.bars import BarStore
from ticker_server.history.checkpoints import CheckpointStore
from ticker_server.history.snapshots import SnapshotStore
from ticker_server.model.acceptance import Snapshot
from ticker_server.settings import Deployment

__all__ = ["open_production"]

_PATIENCE_SECONDS = 10.0
"""So long a start waits for Kafka and for the database, each; then the gateway serves what it can."""

_RETRY_SECONDS = 0.5
_SNAPSHOT_SECONDS = 2.0
_log = structlog.get_logger(__name__)


async def open_production(
    settings: Deployment, clock: Clock, parts: Parts, *, patience_seconds: float = _PATIENCE_SECONDS
) -> Backend:
    """Reach Kafka and the database, as far as they answer in time; `parts` closes everything again.

    What a start without one of them cannot give (the prices of the log, the numbers of its ticks) comes with another
    start: a task ends with StartAnew as soon as that has become possible.

    Raises:
        DatabaseUnusable, TopicsUnusable: They answer, but cannot be used as they are.
    """
    limit_library_logs()
    cluster = Cluster(settings)
    database = open_database(settings.database)
    parts.push_async_callback(database.close)
    database_answers, identity = await asyncio.gather(
        patiently("database", lambda: migrated(settings.database), patience_seconds),
        patiently("Kafka", cluster.identity, patience_seconds),
    )
    store = SnapshotStore(database)
    checkpoints = CheckpointStore(database)
    log = await _open_log(cluster, identity, (store if database_answers else None, checkpoints), clock, parts)
    if isinstance(log, AbsentLog):
        parts.run("wait for Kafka", _start_anew_with_kafka(cluster))
        if not database_answers:
            parts.run("wait for the database", _start_anew_with_database(settings.database))
    elif isinstance(log, KafkaLog) and not log.counted:
        parts.run("wait for a snapshot", _start_anew_with_snapshot(store, log))
    changes = ChangeTopic(cluster.connection, cluster.changes.name, cluster.partitions)
    parts.push_async_callback(changes.close)
    remade = RemadeChanges(changes, cluster.ensure, clock)
    return Backend(
        log,
        database,
        remade,
        must_load=False,
        prepare=_Preparation(settings.database, done=database_answers),
        bars=BarStore(database),
    )


class _Preparation:
    """Migrates a database that did not answer at the start, before anything is read from it."""

    def __init__(self, url: str, *, done: bool | None) -> None:
        self._url = url
        self._done = bool(done)

    async def __call__(self) -> None:
        """Do it, once. Raises DatabaseUnavailable, DatabaseUnusable."""
        if not self._done:
            self._done = await migrated(self._url)


async def _open_log(
    cluster: Cluster,
    identity: Identity | None,
    stores: tuple[SnapshotStore | None, CheckpointStore],
    clock: Clock,
    parts: Parts,
) -> PriceLog:
    store, checkpoints = stores
    if identity is None:
        return await _absent_log(store)
    snapshot = await _load_snapshot(store, identity.epoch)
    states = StoredStates(checkpoints, identity.epoch)
    log = KafkaLog(cluster.connection, cluster.prices.name, identity, clock, find_state=states.find)
    parts.push_async_callback(log.close)
    try:
        await log.open(snapshot)
    except (PriceLogUnavailable, LogReplaced) as error:
        _log.error("starting without", missing="Kafka", error=str(error))
        return await _absent_log(store)
    if not log.counted:
        _log.error("no snapshot of the price log; newest prices only, tick numbers are 0 until there is one")
    parts.run("price log", _run_log(log), stop=log.stop)
    return log


async def _absent_log(store: SnapshotStore | None) -> AbsentLog:
    """Return what the database knows of the log."""
    if store is None:
        return AbsentLog("", None)
    try:
        epoch = await store.newest_epoch()
        return AbsentLog(epoch, await store.load(epoch) if epoch else None)
    except DatabaseUnavailable:
        return AbsentLog("", None)


async def _load_snapshot(store: SnapshotStore | None, epoch: str) -> Snapshot | None:
    try:
        return await store.load(epoch) if store is not None else None
    except DatabaseUnavailable:
        return None


async def _run_log(log: KafkaLog) -> None:
    try:
        await log.run()
    except LogReplaced as error:
        raise StartAnew(f"the price log is another one: {error}") from error


async def _start_anew_with_kafka(cluster: Cluster) -> NoReturn:
    while True:
        await asyncio.sleep(_RETRY_SECONDS)
        try:
            await cluster.identity()
        except PriceLogUnavailable:
            continue
        raise StartAnew("Kafka answers")


async def _start_anew_with_database(url: str) -> NoReturn:
    while True:
        await asyncio.sleep(_RETRY_SECONDS)
        try:
            await migrated(url)
        except DatabaseUnavailable:
            continue
        # With the stocks and the prices that are stored, even if Kafka is still away.
        raise StartAnew("the database answers")


async def _start_anew_with_snapshot(store: SnapshotStore, log: KafkaLog) -> NoReturn:
    """Wait for a snapshot that has come to where this gateway began: one further back would make the start a long one."""
    begun = log.snapshot().positions
    while True:
        await asyncio.sleep(_SNAPSHOT_SECONDS)
        with contextlib.suppress(DatabaseUnavailable):
            stored = await store.positions(log.epoch)
            if stored and all(stored.get(partition, 0) >= position for partition, position in begun.items()):
                raise StartAnew("there is a snapshot of the price log")
