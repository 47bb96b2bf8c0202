"""The rereader over a log in memory: what is shared, what waits, and what is left behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import pytest

from tests.support.fanout_rig import accepted
from ticker_server.errors import PriceLogUnavailable
from ticker_server.feed.absent import AbsentLog
from ticker_server.feed.log import Batch
from ticker_server.feed.rereader import READINGS, Rereader
from ticker_server.model.tick import AcceptedTick

END = 50
BATCH = 5


class Log(AbsentLog):
    """A log of `A` and `B` in turn in each partition, which counts how often it is read, and by how many at a time."""

    def __init__(self) -> None:
        super().__init__("e", None)
        self.ticks = [accepted("AB"[sequence % 2], sequence, sequence) for sequence in range(1, END + 1)]
        self.begins = 0
        self.answers = True
        self.starts: list[tuple[int, int]] = []
        self.open = 0
        self.most_open = 0
        self.grown = asyncio.Event()

    async def replay(self, partition: int, position: int) -> AsyncGenerator[Batch, None]:
        """Yield a few ticks at a time, then wait for more."""
        if not self.answers:
            raise PriceLogUnavailable("away")
        self.starts.append((partition, position))
        self.open += 1
        self.most_open = max(self.open, self.most_open)
        try:
            position = max(position, self.begins)
            yield Batch((), {partition: position})
            while True:
                if position < self.begins:
                    return
                batch = self.ticks[position : position + BATCH]
                if batch:
                    position = batch[-1].sequence
                    yield Batch(batch, {partition: position})
                else:
                    self.grown.clear()
                    await self.grown.wait()
        finally:
            self.open -= 1


class Wanted:
    """A reader that keeps what it gets, and closes when it has the last tick or another one."""

    def __init__(self, position: int, *, partition: int = 0, stock_id: str = "A", until: int = END) -> None:
        self.partition = partition
        self.position = position
        self.stock_ids: Sequence[str] = [stock_id]
        self.has_room = True
        self.closed = False
        self.on_change: Callable[[], None] = lambda: None
        self.begun: list[int] = []
        self.sequences: list[int] = []
        self.full_at = 0
        self.until = until
        self.changed = asyncio.Event()

    def begin(self, position: int) -> None:
        """Note from where it begins."""
        self.begun.append(position)
        self.position = max(self.position, position)
        self.changed.set()

    def take(self, ticks: Sequence[AcceptedTick], position: int) -> None:
        """Take ticks above the position."""
        assert not self.closed
        self.sequences += [tick.sequence for tick in ticks if tick.sequence > self.position]
        self.position = max(position, self.position)
        if self.full_at and self.position >= self.full_at:
            self.has_room = False
        if self.position >= self.until:
            self.close()
        self.changed.set()

    def close(self) -> None:
        """Want no more."""
        self.closed = True
        self.changed.set()
        self.on_change()

    def make_room(self) -> None:
        """Take more again."""
        self.has_room, self.full_at = True, 0
        self.on_change()

    async def until_holds(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds of what came."""
        async with asyncio.timeout(10):
            while not holds():
                self.changed.clear()
                await self.changed.wait()


@asynccontextmanager
async def running(log: Log, **options: float) -> AsyncIterator[Rereader]:
    """Run a rereader; at the end of the block nothing of the log may be open, once it has had its turn."""
    rereader = Rereader(log, **options)
    task = asyncio.ensure_future(rereader.run())
    try:
        yield rereader
        async with asyncio.timeout(10):
            while rereader.readings:  # noqa: ASYNC110  # they end by themselves
                await asyncio.sleep(0.001)
        assert not task.done(), task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert log.open == 0


def evens(position: int, end: int = END) -> list[int]:
    """Return the sequences of `A` above a position."""
    return [sequence for sequence in range(position + 1, end + 1) if sequence % 2 == 0]


async def test_one_reading_for_all_who_come_together() -> None:
    """Readers that come together share one reading from the lowest position, each from its own on."""
    log = Log()
    async with running(log) as rereader:
        wanted = [Wanted(position) for position in (30, 7, 12)] + [Wanted(20, stock_id="B")]
        for each in wanted:
            rereader.add(each)
        for each in wanted:
            await each.until_holds(lambda each=each: each.closed)

    assert log.starts == [(0, 7)]
    assert [each.sequences for each in wanted[:3]] == [evens(30), evens(7), evens(12)]
    assert wanted[3].sequences == [sequence for sequence in range(21, END + 1) if sequence % 2]


async def test_a_reading_that_is_not_past_is_joined() -> None:
    """Who comes later takes part in a reading that is before its position, and has one of its own otherwise."""
    log = Log()
    async with running(log) as rereader:
        slow = Wanted(0)
        slow.full_at = 20
        rereader.add(slow)
        await slow.until_holds(lambda: not slow.has_room)
        ahead, behind = Wanted(40), Wanted(10)
        rereader.add(ahead)
        rereader.add(behind)
        await behind.until_holds(lambda: behind.closed)
        slow.make_room()
        await ahead.until_holds(lambda: ahead.closed)
        await slow.until_holds(lambda: slow.closed)

    assert log.starts == [(0, 0), (0, 10)]
    assert (slow.sequences, ahead.sequences, behind.sequences) == (evens(0), evens(40), evens(10))


async def test_slow_reader_is_left_behind() -> None:
    """A reader without room holds up the others for a while and no longer, and goes on where it was once it has room."""
    log = Log()
    async with running(log, patience_seconds=0.01) as rereader:
        slow, fast = Wanted(0), Wanted(0)
        slow.full_at = 10
        rereader.add(slow)
        rereader.add(fast)
        await fast.until_holds(lambda: fast.closed)
        before = list(slow.sequences)
        slow.make_room()
        await slow.until_holds(lambda: slow.closed)

    assert before == evens(0, 10)
    assert (fast.sequences, slow.sequences) == (evens(0), evens(0))
    assert log.starts == [(0, 0), (0, 10)]


async def test_few_readings_at_a_time() -> None:
    """However many partitions are wanted, few are read at a time, and all are served."""
    log = Log()
    async with running(log) as rereader:
        wanted = [Wanted(0, partition=partition) for partition in range(3 * READINGS)]
        for each in wanted:
            rereader.add(each)
        for each in wanted:
            await each.until_holds(lambda each=each: each.closed)

    assert len(log.starts) == 3 * READINGS
    assert log.most_open == READINGS


async def test_log_that_does_not_answer() -> None:
    """While the log does not answer it is tried again."""
    log = Log()
    log.answers = False
    async with running(log) as rereader:
        wanted = Wanted(44)
        rereader.add(wanted)
        await asyncio.sleep(0.05)
        log.answers = True
        await wanted.until_holds(lambda: wanted.closed)

    assert wanted.sequences == evens(44)


async def test_beginning_that_is_gone() -> None:
    """Readers are told from where the log has something, also when it loses more in the middle of a reading."""
    log = Log()
    log.begins = 10
    async with running(log) as rereader:
        wanted = Wanted(0)
        wanted.full_at = 20
        rereader.add(wanted)
        await wanted.until_holds(lambda: not wanted.has_room)
        log.begins = 40
        wanted.make_room()
        await wanted.until_holds(lambda: wanted.closed)

    assert wanted.begun == [10, 40]
    assert wanted.sequences == [*evens(10, 20), *evens(40)]


async def test_closed_at_the_end_of_the_log() -> None:
    """A reading that nobody wants any more ends, although nothing comes at the end of the log."""
    log = Log()
    async with running(log) as rereader:
        wanted = Wanted(END - 2, until=END + 1)
        rereader.add(wanted)
        await wanted.until_holds(lambda: wanted.position == END)
        wanted.close()

    assert wanted.sequences == [END]


async def test_closed_before_its_turn() -> None:
    """Who is gone before the reading begins is not read for."""
    log = Log()
    async with running(log) as rereader:
        wanted = Wanted(0)
        rereader.add(wanted)
        wanted.close()
        await asyncio.sleep(0.03)

    assert log.starts == []


async def test_pace() -> None:
    """All readings together keep to their pace, so that live prices have the loop to themselves half of the time."""
    log = Log()
    started = asyncio.get_running_loop().time()
    async with running(log, records_per_second=1_000) as rereader:
        wanted = [Wanted(0, partition=partition) for partition in range(4)]
        for each in wanted:
            rereader.add(each)
        for each in wanted:
            await each.until_holds(lambda each=each: each.closed)

    assert asyncio.get_running_loop().time() - started >= 4 * (END - BATCH) / 1_000


async def test_fault_of_a_reader_ends_the_run() -> None:
    """What goes wrong in a reader is not hidden."""

    class Broken(Wanted):
        def take(self, ticks: Sequence[AcceptedTick], position: int) -> None:
            raise KeyError(ticks, position)

    rereader = Rereader(Log())
    rereader.add(Broken(0))

    with pytest.raises(ExceptionGroup, match="unhandled errors"):
        await asyncio.wait_for(rereader.run(), 5)
