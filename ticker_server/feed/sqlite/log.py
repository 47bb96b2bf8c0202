"""The embedded price log: publish with group commit, read from memory or from the file."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

import structlog

from ticker_server.clock import Clock
from ticker_server.errors import PriceLogUnavailable
from ticker_server.feed.log import Batch, Outcome, Published
from ticker_server.feed.sqlite.queue import Publication, PublicationQueue
from ticker_server.feed.sqlite.recent import RecentTicks
from ticker_server.feed.sqlite.storage import State
from ticker_server.feed.sqlite.storage_thread import StorageThread
from ticker_server.model.acceptance import Acceptance, Numbering, Positions, Reason, Record, Snapshot
from ticker_server.model.tick import AcceptedTick, Tick

__all__ = ["SqliteLog"]

ANSWER_SECONDS = 5.0
"""A publish that is not durable after this is answered UNKNOWN; it may still become durable."""

MAX_WAITING_TICKS = 100_000
"""More ticks than this waiting for the disk, and a publish is refused."""

_GROUP = 10_000
_READ_BATCH = 500
_RECENT = 65_536
_RETENTION = 7 * 24 * 3600 * 1_000_000_000
_PRUNE_SECONDS = 600.0
_PRUNE_CHUNK = 5_000

_PARTITION = 0
"""The only one."""

_DUPLICATE = Published(Outcome.DUPLICATE)
_UNKNOWN = Published(Outcome.UNKNOWN)

_log = structlog.get_logger(__name__)


class SqliteLog:
    """A price log of one partition in a SQLite file; sequence = row id.

    Ticks are accepted before they are written, so what is in the file is what readers get. One commit takes all that
    waited during the one before (group commit); it is made in a thread, because an fsync in the loop makes beats late.

    `open`, then `run` in a task until `stop`, then `close`. Whoever writes the same file by another connection shares
    the write lock.
    """

    def __init__(
        self, path: Path, clock: Clock, write_lock: asyncio.Lock, *, answer_seconds: float = ANSWER_SECONDS
    ) -> None:
        self._clock = clock
        self._write_lock = write_lock
        self._answer_seconds = answer_seconds
        self._storage = StorageThread(path)
        self._epoch = ""
        self._end = 0
        self._acceptance: Acceptance | None = None
        self._opened_with = Snapshot({}, ())
        self._waiting = PublicationQueue(MAX_WAITING_TICKS, _GROUP)
        self._recent = RecentTicks(_RECENT)
        self._told_time = 0
        self._in_flight_since: int | None = None
        self._asked: int | None = None
        self._work = asyncio.Event()
        self._grown = asyncio.Event()
        self._closing = False

    async def open(self) -> None:
        """Open the file and read where the log stands. Raises sqlite3.Error if it cannot be used."""
        await self._storage.open()
        state = await self._storage.load()
        self._resume_from(state)
        copies = [Numbering(numbering.newest, dict(numbering.publishers)) for numbering in state.numberings]
        self._opened_with = Snapshot({_PARTITION: self._end}, copies)

    @property
    def epoch(self) -> str:
        """The identity of this log: a UUID in the file."""
        return self._epoch

    @property
    def partitions(self) -> int:
        """One."""
        return 1

    def snapshot(self) -> Snapshot:
        """Return where the log stood when it was opened; `read` goes on from its positions."""
        return self._opened_with

    async def recent(self, limit: int = _RECENT) -> Sequence[AcceptedTick]:
        """Read the last ticks there are, in order: what readers that come back may have missed.

        Raises:
            PriceLogUnavailable: the file cannot be read.
        """
        return await self._storage.ticks_after(self._end - limit, limit)

    async def publish(self, ticks: Sequence[Tick]) -> list[Published]:
        """Append valid ticks; durable when it returns. UNKNOWN for each if the disk does not answer in time.

        Raises:
            PriceLogUnavailable: too much is waiting already, the disk refused, or the log is closed; nothing was taken.
        """
        if self._closing:
            raise PriceLogUnavailable("the price log is closed")
        publication = self._waiting.put(ticks)
        self._work.set()
        try:
            async with asyncio.timeout(self._answer_seconds):
                return await publication.answer
        except TimeoutError:
            return [_UNKNOWN] * len(ticks)

    async def read(self, positions: Positions) -> AsyncGenerator[Batch, None]:
        """Yield what is above the positions, in order, and wait for more at the end. Never ends.

        Raises:
            PriceLogUnavailable: the file cannot be read just now.
        """
        position = positions.get(_PARTITION, 0)
        while True:
            grown = self._grown
            batch = self._from_memory(position)
            if batch is None:
                batch = await self._storage.ticks_after(position, _READ_BATCH)
            if batch:
                position = batch[-1].sequence
                yield Batch(batch, {_PARTITION: position})
            else:
                await grown.wait()

    async def replay(self, partition: int, position: int) -> AsyncGenerator[Batch, None]:
        """Yield once more what is above a position of the only partition, in order, and then what comes.

        The first batch has no ticks and says from where: what is older was pruned. It ends if it is overtaken by that.

        Raises:
            PriceLogUnavailable: the file cannot be read just now.
        """
        position = max(position, await self._gone_through())
        yield Batch((), {partition: position})
        async with contextlib.aclosing(self.read({partition: position})) as batches:
            async for batch in batches:
                if batch.ticks[0].sequence > position + 1 and await self._gone_through() > position:
                    return
                position = batch.positions[partition]
                yield batch

    async def positions_since(self, instant: int) -> Positions:
        """Return the position above which lies exactly what was accepted at an instant or after it.

        Raises:
            PriceLogUnavailable: the file cannot be read just now.
        """
        return {_PARTITION: await self._storage.first_since(instant) - 1}

    def oldest_replay_time(self) -> int:
        """Return the accept time of the oldest tick in the file (nanoseconds); 0 if there is none."""
        return self._storage.oldest_time

    def read_through(self, positions: Positions) -> int:
        """Return an instant before which every accepted tick is at or below the positions (nanoseconds)."""
        position = positions.get(_PARTITION, 0)
        if position < self._end:
            following = self._from_memory(position)
            return following[0].accept_time if following else 0
        return self._tell_time() if self._in_flight_since is None else self._in_flight_since

    def answered(self) -> int:
        """Return when the disk last answered, on the monotonic clock; now, if nothing is asked of it."""
        return self._clock.monotonic() if self._asked is None else self._asked

    async def run(self) -> None:
        """Write what is published and prune what is old, until `stop`."""
        loop = asyncio.get_running_loop()
        next_prune = loop.time()
        while self._waiting or not self._closing:
            if self._waiting:
                await self._commit(self._waiting.take_group())
            if loop.time() >= next_prune and not self._closing:
                # One chunk between two commits: neither waits long for the other, and neither waits for ever.
                next_prune = loop.time() + (0 if await self._prune_chunk() else _PRUNE_SECONDS)
            elif not self._waiting and not self._closing:
                self._work.clear()
                await _wait(self._work, next_prune - loop.time())

    def stop(self) -> None:
        """Take no more publishes; `run` ends when what was taken is written."""
        self._closing = True
        self._work.set()

    async def close(self) -> None:
        """Close the file; `run` has ended, or was never begun."""
        await self._storage.close()

    async def _commit(self, group: Sequence[Publication]) -> None:
        try:
            self._asked = self._clock.monotonic()
            acceptance = await self._ready_acceptance()
            self._in_flight_since = self._tell_time()
            accepted, outcomes = self._accept(acceptance, group, self._in_flight_since)
            if accepted:
                numberings = [acceptance.numberings[stock_id] for stock_id in {tick.stock_id for tick in accepted}]
                async with self._write_lock:
                    await self._storage.append(accepted, numberings)
        except sqlite3.Error as error:
            # What was folded in memory is not in the file: it is read again before the next commit.
            self._acceptance = None
            _log.error("price log refused a write", error=str(error), ticks=sum(len(each.ticks) for each in group))
            for publication in group:
                publication.fail(PriceLogUnavailable("the price log could not be written; nothing was published"))
        else:
            self._recent.add(accepted)
            self._end += len(accepted)
            for publication, published in zip(group, outcomes, strict=True):
                publication.succeed(published)
            self._wake_readers()
        finally:
            self._in_flight_since = self._asked = None

    def _accept(
        self, acceptance: Acceptance, group: Sequence[Publication], accept_time: int
    ) -> tuple[list[AcceptedTick], list[list[Published]]]:
        """Accept the ticks of a group; return those to write, and the outcomes of each publication."""
        accepted: list[AcceptedTick] = []
        outcomes: list[list[Published]] = []
        for publication in group:
            published: list[Published] = []
            for tick in publication.ticks:
                sequence = self._end + len(accepted) + 1
                verdict = acceptance.accept(Record(0, sequence, accept_time, tick.stock_id, tick))
                if isinstance(verdict, AcceptedTick):
                    accepted.append(verdict)
                    published.append(Published(Outcome.ACCEPTED, sequence))
                else:
                    # All else was judged before; a clock that was set meanwhile can make a trade time lie ahead.
                    published.append(_DUPLICATE if verdict is Reason.DUPLICATE else _UNKNOWN)
            outcomes.append(published)
        return accepted, outcomes

    def _tell_time(self) -> int:
        """Return the wall time, or the latest one that was told, if the clock was set back since then.

        What was told is a promise: readers know it as "read through", and nothing is accepted before it any more.
        """
        self._told_time = max(self._told_time, self._clock.wall())
        return self._told_time

    def _from_memory(self, position: int) -> Sequence[AcceptedTick] | None:
        """Return the next batch above a position; empty at the end, None if it has to be read from the file."""
        return () if position >= self._end else self._recent.after(position, _READ_BATCH)

    async def _gone_through(self) -> int:
        """Return the sequence through which all ticks were pruned."""
        oldest = await self._storage.oldest_sequence()
        return self._end if oldest is None else oldest - 1

    def _wake_readers(self) -> None:
        self._grown, grown = asyncio.Event(), self._grown
        grown.set()

    async def _ready_acceptance(self) -> Acceptance:
        """Return the acceptance, read anew from the file if a commit failed."""
        return self._acceptance or self._resume_from(await self._storage.load())

    def _resume_from(self, state: State) -> Acceptance:
        self._epoch = state.epoch
        self._end = state.last_sequence
        self._acceptance = Acceptance(1, state.numberings)
        return self._acceptance

    async def _prune_chunk(self) -> bool:
        """Delete some of what is older than the retention; tell whether there may be more of it."""
        try:
            cut = await self._storage.first_since(self._clock.wall() - _RETENTION)
            async with self._write_lock:
                return await self._storage.prune(cut, _PRUNE_CHUNK) == _PRUNE_CHUNK
        except (PriceLogUnavailable, sqlite3.Error) as error:
            _log.warning("price log could not be pruned", error=str(error))
            return False


async def _wait(event: asyncio.Event, seconds: float) -> None:
    """Wait for an event, or for so long."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
