"""Where the reading of a log begins: at a snapshot, at its beginning, or a minute ago."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import structlog

from ticker_server.clock import Clock
from ticker_server.errors import PriceLogUnavailable
from ticker_server.feed.kafka.connection import KafkaConnection
from ticker_server.feed.kafka.consumer import RecordStream
from ticker_server.feed.kafka.fold import Fold, Origin
from ticker_server.feed.kafka.identity import Identity
from ticker_server.feed.kafka.offsets import BEGINNING, READABLE_END, Question, TopicOffsets
from ticker_server.feed.skips import SkipLog
from ticker_server.model.acceptance import Snapshot

__all__ = ["Start", "StartFinder"]

_SHORT = 200_000
_FOLD_SECONDS = 30.0
_RECENT = 60_000_000_000
_MILLISECOND = 1_000_000

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Start:
    """Where a log is opened: the snapshot that reading goes on from, and what else is known of its past."""

    snapshot: Snapshot
    origin: Origin

    @property
    def counted(self) -> bool:
        """Whether ticks have numbers from here on."""
        return self.origin.counting


class StartFinder:
    """Finds the start of a topic's log."""

    def __init__(
        self, connection: KafkaConnection, topic: str, identity: Identity, offsets: TopicOffsets, clock: Clock
    ) -> None:
        self._connection = connection
        self._topic = topic
        self._identity = identity
        self._partitions = range(identity.partitions)
        self._offsets = offsets
        self._clock = clock

    async def find(self, snapshot: Snapshot | None, skips: SkipLog) -> Start:
        """Return where to begin; `skips` is told of the records that are passed on the way.

        Raises:
            PriceLogUnavailable: Kafka does not answer.
            LogReplaced: The topic is another one than that of the identity.
        """
        beginnings = await self._offsets.ask(BEGINNING, self._partitions)
        ends = await self._offsets.ask(READABLE_END, self._partitions)
        if snapshot is not None:
            return self._start(self._moved_up(snapshot, beginnings, ends), beginnings, counting=True)
        if not any(beginnings.values()) and sum(ends.values()) <= _SHORT:
            return self._start(await self._fold(beginnings, ends, skips), beginnings, counting=True)
        minute_ago = (self._clock.wall() - _RECENT) // _MILLISECOND
        positions = await self._offsets.ask(Question(minute_ago), self._partitions)
        return self._start(Snapshot(positions, ()), beginnings, counting=False)

    def _start(self, snapshot: Snapshot, beginnings: dict[int, int], *, counting: bool) -> Start:
        return Start(snapshot, Origin(self._identity.partitions, snapshot, beginnings, counting=counting))

    def _moved_up(self, snapshot: Snapshot, beginnings: dict[int, int], ends: dict[int, int]) -> Snapshot:
        """Return a snapshot whose positions the log still has."""
        positions = {}
        for partition in self._partitions:
            position = snapshot.positions.get(partition, 0)
            place = f"{self._topic}-{partition}-{position}"
            if position < beginnings[partition]:
                _log.error("records are gone that no snapshot has", record=place, now_at=beginnings[partition])
            elif position > ends[partition]:
                _log.error("the log ends before its snapshot; waiting for its end", record=place, end=ends[partition])
            positions[partition] = max(position, beginnings[partition])
        return Snapshot(positions, snapshot.numberings)

    async def _fold(self, beginnings: dict[int, int], ends: dict[int, int], skips: SkipLog) -> Snapshot:
        """Fold what there is, from the beginning to the end."""
        origin = Origin(self._identity.partitions, Snapshot({}, ()), beginnings, counting=True)
        fold = Fold(origin, {}, skips.note)
        topic_id = self._identity.topic_id_bytes
        stream = RecordStream(self._connection, self._topic, topic_id, fold.positions, lambda: None)
        try:
            async with asyncio.timeout(_FOLD_SECONDS):
                while any(stream.positions[partition] < end for partition, end in ends.items()):
                    for partition, records in (await stream.next()).items():
                        fold.accept(partition, records)
                    await asyncio.sleep(0)
        except TimeoutError as error:
            raise PriceLogUnavailable("Kafka stopped to answer while the price log was opened") from error
        finally:
            await stream.close()
        return fold.snapshot(stream.positions)
