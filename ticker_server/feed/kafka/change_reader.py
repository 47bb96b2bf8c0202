"""The reading side of the topic of catalog changes: a reload, then all that has come since before it, without a hole."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

import structlog
from aiokafka import ConsumerRecord

from ticker_server.errors import PriceLogUnavailable, Unavailable
from ticker_server.feed.changes import Apply, Reload
from ticker_server.feed.kafka.change_records import decode_change
from ticker_server.feed.kafka.change_watch import ChangeWatch, Contact
from ticker_server.feed.kafka.connection import KafkaConnection
from ticker_server.feed.kafka.consumer import OutOfRange, RecordStream
from ticker_server.feed.kafka.identity import read_identity
from ticker_server.feed.kafka.offsets import LogReplaced, TopicOffsets
from ticker_server.feed.kafka.undisturbed import undisturbed
from ticker_server.feed.skips import SkipLog
from ticker_server.model.acceptance import Reason
from ticker_server.model.change import Change
from ticker_server.model.partition import home_partition

__all__ = ["ChangeReader"]

_RETRY_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 30.0
_STEADY_SECONDS = 60.0

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Place:
    """A topic, the offsets that are read next by partition, and the watch over both."""

    topic_id: bytes
    offsets: dict[int, int]
    watch: ChangeWatch


class ChangeReader:
    """Reads the first `partitions` partitions of the topic, each from where it ended just before a reload.

    While Kafka is away it waits, keeps its place, and goes on from there. Whenever it cannot be sure that it missed
    nothing (the topic was made anew, its place is gone), it takes its place at the end again, and reloads again.
    """

    def __init__(self, connection: KafkaConnection, topic: str, partitions: int) -> None:
        self.skips = SkipLog(topic)
        self._connection = connection
        self._topic = topic
        self._partitions = partitions
        self._contact = Contact(topic)
        self._started = asyncio.Event()

    async def started(self) -> None:
        """Wait until the first reload is done."""
        await self._started.wait()

    async def run(self, apply: Apply, reload: Reload) -> NoReturn:
        """Reload, then apply what comes, until cancelled."""
        loop = asyncio.get_running_loop()
        pause = 0.0
        while True:
            began = loop.time()
            doubt = await self._follow(apply, reload)
            _log.warning("changes may have been missed, reloading", topic=self._topic, because=doubt)
            steady = loop.time() - began > _STEADY_SECONDS
            # Where the doubt comes back at once, the database is not to be asked without end.
            pause = 0.0 if steady else min(2 * pause + _RETRY_SECONDS, _LONGEST_PAUSE_SECONDS)
            await asyncio.sleep(pause)

    async def _follow(self, apply: Apply, reload: Reload) -> str:
        """Reload and apply what comes; return why that is not to be trusted any longer."""
        place = await self._end()
        try:
            await self._reload(reload)
            self._started.set()
            watching = asyncio.create_task(place.watch.run(place.offsets))
            try:
                return await self._read_on(place, apply, watching)
            finally:
                watching.cancel()
                await asyncio.wait({watching})
        finally:
            await place.watch.close()

    async def _end(self) -> _Place:
        """Return where the topic ends; wait until it can be asked."""
        while True:
            try:
                return await self._try_end()
            except (PriceLogUnavailable, LogReplaced) as error:
                self._contact.lost(error)
                await asyncio.sleep(_RETRY_SECONDS)

    async def _try_end(self) -> _Place:
        identity = await undisturbed(read_identity(self._connection, self._topic, self._partitions))
        watch = ChangeWatch(TopicOffsets(self._connection, self._topic, identity), self._contact)
        try:
            return _Place(identity.topic_id_bytes, await watch.ends(range(self._partitions)), watch)
        except BaseException:
            await watch.close()
            raise

    async def _reload(self, reload: Reload) -> None:
        told = False
        while True:
            try:
                await reload()
            except Unavailable as error:
                if not told:
                    told = True
                    _log.warning("changes wait for a reload that failed, trying again", error=str(error))
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                return

    async def _read_on(self, place: _Place, apply: Apply, watching: asyncio.Task[str]) -> str:
        while not watching.done():
            # Only while Kafka has the topic: aiokafka asks for a topic that is gone as fast as it can.
            await self._contact.found_or(watching)
            stream = RecordStream(self._connection, self._topic, place.topic_id, place.offsets, place.watch.look_now)
            try:
                while not (watching.done() or self._contact.is_lost):
                    try:
                        fetched = await stream.next()
                    except (OutOfRange, PriceLogUnavailable) as error:
                        return str(error)
                    await self._hand_on(fetched, apply)
                    place.offsets.update(stream.positions)
                    # What is there already comes without waiting: the others of the loop have their turn here.
                    await asyncio.sleep(0)
            finally:
                await stream.close()
        return watching.result()

    async def _hand_on(self, fetched: Mapping[int, Sequence[ConsumerRecord]], apply: Apply) -> None:
        changes = [change for records in fetched.values() for change in self._changes(records)]
        if changes:
            await apply(changes)

    def _changes(self, records: Iterable[ConsumerRecord]) -> Iterator[Change]:
        self.skips.tell_rest()
        for record in records:
            change = self._change(record)
            if isinstance(change, Reason):
                self.skips.note(record.partition, record.offset, change)
            else:
                yield change

    def _change(self, record: ConsumerRecord) -> Change | Reason:
        change = decode_change(record.key, record.value, record.headers)
        if isinstance(change, Reason):
            return change
        user_id = record.key.decode().partition("/")[0]
        return change if record.partition == home_partition(user_id, self._partitions) else Reason.WRONG_PARTITION
