"""The sync server: follows the Kafka price log, whatever becomes of it, and stores how far it has come."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial
from typing import NoReturn

import structlog

from ticker_server.errors import DatabaseUnavailable, PriceLogUnavailable, Unavailable
from ticker_server.feed.kafka.connection import KafkaConnection
from ticker_server.feed.kafka.identity import Identity, read_identity
from ticker_server.feed.kafka.library_logs import limit_library_logs
from ticker_server.feed.kafka.membership import Assignment, Membership
from ticker_server.feed.kafka.offsets import LogReplaced
from ticker_server.feed.kafka.topics import ensure_topics, price_topic
from ticker_server.feed.kafka.undisturbed import undisturbed
from ticker_server.feed.skips import SkipLog
from ticker_server.history.concurrent import cancel, first_of
from ticker_server.history.fold import PartitionFold
from ticker_server.history.log_watch import LogWatch
from ticker_server.history.share import Share
from ticker_server.history.snapshots import PositionMoved, SnapshotStore

__all__ = ["SyncServer"]

_INTERVAL_SECONDS = 5.0
_SESSION_SECONDS = 6.0
_RETRY_SECONDS = 1.0
_READY_SECONDS = 10.0
_STOP_SECONDS = 10.0

_log = structlog.get_logger(__name__)


class SyncServer:
    """One member of the group that shares the partitions of a price log and stores what follows from them.

    Every `interval_seconds` it stores, for each partition that it has, the state of acceptance, the bars of the new
    ticks, where the store takes them the ticks, and the position, in one transaction that begins with a compare-and-set of the position; now and then a
    checkpoint is written with it. So what is stored is exact whatever becomes of the members and of the group; a member
    that is silent for `session_seconds` only loses its share to the others.
    """

    def __init__(
        self,
        connection: KafkaConnection,
        topic_prefix: str,
        partitions: int,
        store: SnapshotStore,
        *,
        interval_seconds: float = _INTERVAL_SECONDS,
        session_seconds: float = _SESSION_SECONDS,
    ) -> None:
        self._connection = connection
        self._plan = price_topic(topic_prefix, partitions)
        self._group_id = f"{topic_prefix}.sync"
        self._store = store
        self._interval_seconds = interval_seconds
        self._session_seconds = session_seconds
        self._skips = SkipLog(self._plan.name)
        self._identity: Identity | None = None
        self._outage = ""
        self._joined = asyncio.Event()
        self._working = False
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Follow the log until `stop`, through outages of Kafka and of the database, from one epoch to the next.

        Raises:
            TopicsUnusable: The topic is not as it has to be.
        """
        limit_library_logs()
        following = asyncio.create_task(self._follow_on())
        stopped = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait([following, stopped], return_when=asyncio.FIRST_COMPLETED)
            if self._working:
                await asyncio.wait([following], timeout=_STOP_SECONDS)
        finally:
            await cancel(following, stopped)
        if not following.cancelled():
            following.result()

    async def ready(self) -> None:
        """Return when the group has given this member a share, or it has been tried for 10 s."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._joined.wait(), _READY_SECONDS)

    def stop(self) -> None:
        """Let `run` store what it has, leave the group and return."""
        self._stopping.set()

    async def _follow_on(self) -> None:
        while not self._stopping.is_set():
            try:
                await self._follow(await self._identify())
            except LogReplaced:
                _log.warning("price log was replaced; beginning anew", topic=self._plan.name)
            except PositionMoved as moved:
                _log.warning("stored position is not the one that was left; joining again", partition=moved.partition)
            except (PriceLogUnavailable, DatabaseUnavailable) as error:
                await self._sit_out(error)

    async def _identify(self) -> Identity:
        """Return which topic bears the name now; make it at the first start, and judge it whenever it is another."""
        if self._identity is None:
            await ensure_topics(self._connection, [self._plan])
        identity = await undisturbed(read_identity(self._connection, self._plan.name, self._plan.partitions))
        if self._identity not in {None, identity}:
            await ensure_topics(self._connection, [self._plan])
        self._identity = identity
        return identity

    async def _follow(self, identity: Identity) -> None:
        """Be a member of the group for as long as the log is this one and no other member disagrees."""
        ordinal = await self._store.open_epoch(identity.epoch)
        log = LogWatch(self._connection, self._plan.name, identity)
        membership = Membership(
            self._connection,
            self._plan.name,
            identity.partitions,
            group_id=self._group_id,
            session_seconds=self._session_seconds,
        )
        try:
            await first_of(membership.run(), self._take_shares(log, ordinal, membership))
        finally:
            await membership.close()
            await log.close()

    async def _take_shares(self, log: LogWatch, ordinal: int, membership: Membership) -> None:
        while not self._stopping.is_set():
            assignment = await membership.assignment()
            self._joined.set()
            try:
                await self._work(log, ordinal, assignment)
            except (PriceLogUnavailable, DatabaseUnavailable) as error:
                # The share stays ours meanwhile: leaving the group would disturb the others for nothing.
                await self._sit_out(error)
                with suppress(PriceLogUnavailable):
                    await log.confirm()

    async def _work(self, log: LogWatch, ordinal: int, assignment: Assignment) -> None:
        """Do what there is to do with a share until it ends, or until `stop`."""
        stored = await self._store.load_partitions(ordinal, assignment.partitions)
        folds = {
            number: PartitionFold(
                number, self._plan.partitions, state, self._skips.note, raw_ticks=self._store.raw_ticks
            )
            for number, state in stored.items()
        }
        share = Share(
            folds,
            confirm=log.confirm,
            store=partial(self._store.store, ordinal),
            due=partial(self._store.checkpoint_due, ordinal),
        )
        stream = await log.open({number: fold.next for number, fold in folds.items()})
        try:
            self._working = True
            await first_of(
                share.read(stream),
                self._store_on(share),
                log.see_whether_replaced(),
                assignment.ended.wait(),
                self._stopping.wait(),
            )
            if self._stopping.is_set():
                await share.store()
        finally:
            self._working = False
            await stream.close()

    async def _store_on(self, share: Share) -> NoReturn:
        pause = self._interval_seconds
        while True:
            await self._pause(share, pause)
            self._skips.tell_rest()
            try:
                await share.store()
            except (PriceLogUnavailable, DatabaseUnavailable) as error:
                self._note_outage(error)
                pause = min(_RETRY_SECONDS, self._interval_seconds)
            else:
                self._outage = ""
                pause = self._interval_seconds

    async def _pause(self, share: Share, seconds: float) -> None:
        """Let so long pass, or less where the share holds all that it may and the database was there."""
        if self._outage:
            await asyncio.sleep(seconds)
            return
        with suppress(TimeoutError):
            await asyncio.wait_for(share.full.wait(), seconds)

    async def _sit_out(self, error: Unavailable) -> None:
        self._note_outage(error)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), _RETRY_SECONDS)

    def _note_outage(self, error: Unavailable) -> None:
        if str(error) != self._outage:
            self._outage = str(error)
            _log.error("sync waits", error=self._outage)
