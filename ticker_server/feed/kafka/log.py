"""The price log of production: a Kafka topic behind the port."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Mapping, Sequence

import structlog

from ticker_server.clock import Clock
from ticker_server.errors import PriceLogUnavailable
from ticker_server.feed.kafka.bookmarks import Bookmarks
from ticker_server.feed.kafka.connection import KafkaConnection
from ticker_server.feed.kafka.consumer import OutOfRange, RecordStream
from ticker_server.feed.kafka.fold import Fold
from ticker_server.feed.kafka.identity import Identity
from ticker_server.feed.kafka.library_logs import limit_library_logs
from ticker_server.feed.kafka.offsets import BEGINNING, READABLE_END, LogReplaced, TopicOffsets
from ticker_server.feed.kafka.probe import Probe
from ticker_server.feed.kafka.publisher import Publisher
from ticker_server.feed.kafka.replays import FindState, Replays, no_state
from ticker_server.feed.kafka.start import Start, StartFinder
from ticker_server.feed.kafka.strays import Strays
from ticker_server.feed.log import Batch, Published
from ticker_server.feed.skips import SkipLog
from ticker_server.model.acceptance import Positions, Reason, Snapshot
from ticker_server.model.partition import home_partition
from ticker_server.model.tick import Tick

__all__ = ["KafkaLog", "LogReplaced"]

ANSWER_SECONDS = 5.0
"""A publish that is not acknowledged after this is answered UNKNOWN; it may still become durable."""

_SILENT_AFTER = 3_000_000_000

_log = structlog.get_logger(__name__)


class KafkaLog:
    """A price log in a topic, of one identity; sequence = offset + 1.

    Everything is read and written by the topic's id, so nothing of a topic that takes its name is ever yielded, and
    nothing is ever published to it. Ticks are accepted as they are read, by every reader for itself.

    `open`, then `run` in a task until `stop`, then `close`. `counted` is False where the log was opened in the middle,
    without a snapshot: then ticks have no number.
    """

    def __init__(
        self,
        connection: KafkaConnection,
        topic: str,
        identity: Identity,
        clock: Clock,
        *,
        answer_seconds: float = ANSWER_SECONDS,
        find_state: FindState = no_state,
    ) -> None:
        self.counted = True
        self.skips = SkipLog(topic)
        """What this process skipped, by reason; what a resumed reader comes past again is not counted again."""
        self._connection = connection
        self._topic = topic
        self._identity = identity
        self._clock = clock
        self._answer_seconds = answer_seconds
        self._offsets = TopicOffsets(connection, topic, identity)
        self._probe = Probe(topic, identity.partitions, self._offsets, clock, self._note_ends)
        self._publisher = Publisher(connection, topic, identity, self._probe.look_now)
        self._strays = Strays(connection, topic, identity, self.skips, self._probe.look_now)
        self._bookmarks = Bookmarks(identity.partitions)
        self._replays = Replays(connection, topic, identity, self._probe.look_now, find_state)
        self._start: Start | None = None
        self._own: Fold | None = None
        self._read: dict[int, int] = {}
        self._streams: set[RecordStream] = set()
        self._stopping = asyncio.Event()
        self._replaced = False

    async def open(self, snapshot: Snapshot | None) -> None:
        """Find where to begin: at a snapshot of this log, if there is one.

        Without one a log of at most 200 000 records that has its beginning is folded from there; of any other only the
        last 60 s are read, without numbers.

        Raises:
            PriceLogUnavailable: Kafka does not answer, or the topic is not there just now.
            LogReplaced: The topic is another one than that of the identity.
        """
        limit_library_logs()
        finder = StartFinder(self._connection, self._topic, self._identity, self._offsets, self._clock)
        self._start = await finder.find(snapshot, self.skips)
        self.counted = self._start.counted
        self._probe.answered = self._clock.monotonic()

    @property
    def epoch(self) -> str:
        """The identity of this log: a hash of the cluster's id, the topic's id, and the number of partitions."""
        return self._identity.epoch

    @property
    def partitions(self) -> int:
        """How many partitions ticks live in."""
        return self._identity.partitions

    def snapshot(self) -> Snapshot:
        """Return where the log stood when it was opened; it is not to be changed."""
        return self._started.snapshot

    async def publish(self, ticks: Sequence[Tick]) -> list[Published]:
        """Append valid ticks, each call's in order; durable when it returns.

        UNKNOWN for each tick that is not acknowledged in time, and DUPLICATE for a repeat that this process has read;
        any other repeat is ACCEPTED, and readers drop it all the same.

        Raises:
            PriceLogUnavailable: Kafka does not answer, or too much is waiting already; nothing was published.
        """
        if self._replaced or self._stopping.is_set():
            raise PriceLogUnavailable("the price log is closed; nothing was published")
        if self._probe.is_looking or self._clock.monotonic() - self._probe.answered > _SILENT_AFTER:
            raise PriceLogUnavailable("Kafka does not answer; nothing was published")
        return await self._publisher.publish(ticks, known=self._knows, seconds=self._answer_seconds)

    async def read(self, positions: Positions) -> AsyncGenerator[Batch, None]:
        """Yield what is accepted above the positions, and wait for more at the end, also while Kafka is away.

        The first reader is the process's own: what it has read, `publish` knows for a repeat.

        Raises:
            PriceLogUnavailable: The topic may not be read, or it was replaced; nothing of the new one is yielded.
        """
        is_own = self._own is None
        fold = Fold(self._started.origin, positions, self.skips.note if is_own else _ignore)
        told = {partition: positions.get(partition, 0) for partition in fold.positions}
        if is_own:
            self._own, self._read = fold, told
        stream = RecordStream(
            self._connection, self._topic, self._identity.topic_id_bytes, fold.positions, self._probe.look_now
        )
        self._streams.add(stream)
        try:
            while True:
                batch = await self._read_batch(stream, fold, told)
                if batch.positions:
                    if is_own:
                        self._note_read(batch)
                    yield batch
                await asyncio.sleep(0)
        finally:
            self._streams.discard(stream)
            await stream.close()
            if is_own:
                self._own = None

    def replay(self, partition: int, position: int) -> AsyncGenerator[Batch, None]:
        """Yield once more what is accepted in a partition above a position; see `Replays.read`."""
        return self._replays.read(self._started.origin, partition, position)

    async def positions_since(self, instant: int) -> Positions:
        """Return positions above which lies exactly what was accepted at an instant (nanoseconds) or after it.

        Raises:
            PriceLogUnavailable: Kafka does not answer.
        """
        return await self._replays.positions_since(instant)

    def oldest_replay_time(self) -> int:
        """Return the accept time from which everything can be replayed (nanoseconds); 0 if that is not known."""
        return self._replays.oldest_time

    def read_through(self, positions: Positions) -> int:
        """Return an instant before which every accepted tick is at or below the positions (nanoseconds)."""
        return self._bookmarks.read_through(positions)

    def answered(self) -> int:
        """Return when the leaders of all partitions last answered, on the monotonic clock (nanoseconds)."""
        return self._probe.answered

    async def run(self) -> None:
        """Ask the log how it is, twice a second, and publish; until `stop`. Raises LogReplaced."""
        looking = self._replays.keep_looking(self._started.origin)
        running = (self._keep_asking(), self._publisher.run(), looking, self._stopping.wait())
        works = [asyncio.ensure_future(each) for each in running]
        try:
            await asyncio.wait(works, return_when=asyncio.FIRST_COMPLETED)
            for work in works:
                if work.done():
                    work.result()
        finally:
            for work in works:
                work.cancel()
            await asyncio.gather(*works, return_exceptions=True)

    def stop(self) -> None:
        """Take no more publishes; `run` ends when what was taken is written, or after 5 s."""
        self._stopping.set()

    async def close(self) -> None:
        """Close all connections; `run` has ended, or was never begun. Readers end with PriceLogUnavailable."""
        self.stop()
        for stream in list(self._streams):
            await stream.close()
        await self._replays.close()
        await self._strays.close()
        await self._offsets.close()

    async def _read_batch(self, stream: RecordStream, fold: Fold, told: dict[int, int]) -> Batch:
        """Read on; `told` are the positions that the reader knows, and takes over the batch's."""
        fetched = {}
        try:
            fetched = await stream.next()
        except OutOfRange as gone:
            await self._find_again(stream, gone)
        if self._replaced:
            raise PriceLogUnavailable("the topic of the price log was replaced")
        ticks = [tick for partition, records in fetched.items() for tick in fold.accept(partition, records)]
        moved = {partition: position for partition, position in stream.positions.items() if position > told[partition]}
        told.update(moved)
        return Batch(ticks, moved)

    def _note_read(self, batch: Batch) -> None:
        partitions = self._identity.partitions
        newest = {home_partition(tick.stock_id, partitions): tick.accept_time for tick in batch.ticks}
        for partition, accept_time in newest.items():
            self._bookmarks.note_read(partition, batch.positions[partition], accept_time)

    async def _find_again(self, stream: RecordStream, gone: OutOfRange) -> None:
        """Go on where the log begins, if its beginning has gone past a reader; else wait until its end is there.

        An end below what was read means that records were lost that readers have, as by an election of a leader that
        was not in sync. What is written in their place is not read: its sequences would come a second time.
        """
        place = f"{self._topic}-{gone.partition}-{gone.position}"
        with contextlib.suppress(PriceLogUnavailable, LogReplaced):  # `run` finds out, and tells
            beginning = (await self._offsets.ask(BEGINNING, [gone.partition]))[gone.partition]
            if beginning > gone.position:
                _log.error("records are gone that were not read yet", record=place, now_at=beginning)
                stream.seek(gone.partition, beginning)
                return
            end = (await self._offsets.ask(READABLE_END, [gone.partition]))[gone.partition]
            if end < gone.position:
                _log.error("the log ends before what was read of it; waiting for its end", record=place, end=end)
        stream.rest(gone.partition)

    def _knows(self, tick: Tick, partition: int) -> bool:
        return self._own is not None and self._own.knows(tick, partition)

    async def _keep_asking(self) -> None:
        try:
            await self._probe.run()
        except LogReplaced:
            self._replaced = True
            raise

    async def _note_ends(self, asked: int, ends: Mapping[int, int]) -> None:
        """Note where partitions ended when they were asked. Raises PriceLogUnavailable, LogReplaced."""
        self._publisher.ends = dict(ends)
        # An end below what was read is what `_find_again` waits for; until then nothing is read, and nothing is told.
        self._bookmarks.note_ends(
            asked, {partition: end for partition, end in ends.items() if end >= self._read.get(partition, 0)}
        )
        self.skips.tell_rest()
        await self._strays.look(self._offsets)

    @property
    def _started(self) -> Start:
        assert self._start is not None, "open() comes first"
        return self._start


def _ignore(_partition: int, _offset: int, _reason: Reason) -> None:
    """Count nothing: the process's own reader has counted it, or will."""
