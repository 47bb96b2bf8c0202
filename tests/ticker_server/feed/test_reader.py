from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import structlog

from tests.support.virtual_clock import SECOND, VirtualClock
from ticker_server.errors import PriceLogUnavailable
from ticker_server.feed.log import Batch, Published
from ticker_server.feed.reader import FeedReader
from ticker_server.model.acceptance import Positions, Snapshot
from ticker_server.model.feed_status import FeedState
from ticker_server.model.tick import AcceptedTick, Tick


class ScriptedLog:
    """A price log that gives what a test feeds it: batches, and errors."""

    epoch = "e"

    def __init__(self, clock: VirtualClock, position: int = 0) -> None:
        self.position = position
        self.claims: dict[int, int] = {}
        self.positions_read_from: list[int] = []
        self.answered_at: int | None = None
        self._clock = clock
        self._script: asyncio.Queue[Sequence[AcceptedTick] | PriceLogUnavailable] = asyncio.Queue()

    def feed(self, *steps: Sequence[AcceptedTick] | PriceLogUnavailable) -> None:
        """Let readers have more."""
        for step in steps:
            self._script.put_nowait(step)

    async def publish(self, ticks: Sequence[Tick]) -> list[Published]:
        """Refuse: nothing is published here."""
        raise AssertionError(ticks)

    def snapshot(self) -> Snapshot:
        """Return the position to begin from."""
        return Snapshot({0: self.position}, ())

    async def read(self, positions: Positions) -> AsyncIterator[Batch]:
        """Yield what was fed."""
        self.positions_read_from.append(positions[0])
        while True:
            step = await self._script.get()
            if isinstance(step, PriceLogUnavailable):
                raise step
            yield Batch(step, {0: step[-1].sequence})

    def read_through(self, positions: Positions) -> int:
        """Return what the test says."""
        return self.claims.get(positions[0], 0)

    def answered(self) -> int:
        """Return what the test says, and otherwise that the log answers."""
        return self._clock.monotonic() if self.answered_at is None else self.answered_at


@dataclass
class Receiver:
    """A watch that notes, into a common list, that it was let pull."""

    pulls: list[object]
    then: Callable[[], None] = field(default=lambda: None)

    def pull(self) -> None:
        """Note it."""
        self.pulls.append(self)
        self.then()


def batch(*sequences: int) -> list[AcceptedTick]:
    """Return a batch of ticks."""
    return [AcceptedTick("AAPL", "1", "", 0, 0, sequence, sequence) for sequence in sequences]


def nobody(_ticks: Sequence[AcceptedTick]) -> Iterable[Receiver]:
    """Take ticks for which there is no watch."""
    return ()


@asynccontextmanager
async def running(reader: FeedReader) -> AsyncIterator[None]:
    """Let a reader run."""
    task = asyncio.create_task(reader.run())
    yield
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()


async def until(condition: Callable[[], bool]) -> None:
    """Give others their turn until a condition holds."""
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - the reader has no event to wait for
            await asyncio.sleep(0)


async def test_batches_are_published_from_the_snapshot_on(clock: VirtualClock) -> None:
    """Reading begins at the snapshot's position, and each batch is published in its order."""
    log = ScriptedLog(clock, position=7)
    published: list[int] = []

    def publish(ticks: Sequence[AcceptedTick]) -> Iterable[Receiver]:
        published.extend(tick.sequence for tick in ticks)
        return ()

    reader = FeedReader(log, publish, clock)
    assert reader.positions[0] == 7
    async with running(reader):
        log.feed(batch(8, 9), batch(10))
        await until(lambda: reader.positions[0] == 10)

    assert published == [8, 9, 10]
    assert log.positions_read_from == [7]


async def test_watches_pull_in_slices(clock: VirtualClock) -> None:
    """Those that got a tick pull in slices of 500, and between slices others have their turn."""
    log = ScriptedLog(clock)
    pulls: list[object] = []
    receivers = [Receiver(pulls) for _ in range(1201)]
    reader = FeedReader(log, lambda _: receivers, clock)
    seen: list[int] = []
    async with running(reader):
        log.feed(batch(1))
        while len(pulls) < len(receivers):
            await asyncio.sleep(0)
            seen.append(len(pulls))

    assert pulls == receivers
    assert sorted(set(seen) - {0}) == [500, 1000, 1201]


async def test_batch_counts_as_read_when_its_watches_pull(clock: VirtualClock) -> None:
    """The position includes a batch by the time its watches pull, so that their heartbeats may claim it."""
    log = ScriptedLog(clock)
    positions: list[int] = []
    receiver = Receiver([], then=lambda: positions.append(reader.positions[0]))
    reader = FeedReader(log, lambda _: [receiver], clock)
    async with running(reader):
        log.feed(batch(1, 2))
        await until(lambda: bool(positions))

    assert positions == [2]


async def test_batches_of_no_watch_do_not_hold_up_the_others(clock: VirtualClock) -> None:
    """Between batches others have their turn, even if no watch has anything to do."""
    log = ScriptedLog(clock)
    log.feed(*(batch(sequence) for sequence in range(1, 101)))
    reader = FeedReader(log, nobody, clock)
    seen: list[int] = []
    async with running(reader):
        while reader.positions[0] < 100:
            await asyncio.sleep(0)
            seen.append(reader.positions[0])

    assert len(set(seen)) >= 100


async def test_log_that_cannot_be_read_is_down(clock: VirtualClock) -> None:
    """When the log cannot be read, the feed is DOWN since then; it is tried again, from where it stood, and LIVE again."""
    log = ScriptedLog(clock)
    log.claims = {0: clock.wall(), 1: clock.wall()}
    reader = FeedReader(log, nobody, clock, retry_seconds=0.0)
    started = clock.wall()
    assert reader.status().state is FeedState.LIVE
    assert reader.status().since == started
    async with running(reader):
        log.feed(batch(1))
        await until(lambda: reader.positions[0] == 1)
        clock.advance(1)
        with structlog.testing.capture_logs() as written:
            log.feed(PriceLogUnavailable("gone"), PriceLogUnavailable("gone"))
            await until(lambda: len(log.positions_read_from) == 3)
        down = reader.status()
        clock.advance(2)
        assert reader.status() == down

        log.claims[2] = clock.wall()
        log.feed(batch(2))
        await until(lambda: reader.positions[0] == 2)

    assert down.state is FeedState.DOWN
    assert down.since == started + SECOND
    assert down.read_through == started
    assert [line["log_level"] for line in written] == ["error"]
    assert log.positions_read_from == [0, 1, 1]
    assert reader.status().state is FeedState.LIVE
    assert reader.status().since == clock.wall()
    assert reader.status().read_through == clock.wall()


async def test_log_that_fails_no_longer_is_read(clock: VirtualClock) -> None:
    """A log that has not failed for two seconds is not DOWN any more, also if there is nothing new in it."""
    log = ScriptedLog(clock)
    reader = FeedReader(log, nobody, clock, retry_seconds=0.0)
    async with running(reader):
        log.feed(PriceLogUnavailable("gone"))
        await until(lambda: len(log.positions_read_from) == 2)
        assert reader.status().state is FeedState.DOWN

        clock.advance_ns(2 * SECOND + 1)
        log.claims = {0: clock.wall()}

    assert reader.status().state is FeedState.LIVE


async def test_log_that_does_not_answer_is_down(clock: VirtualClock) -> None:
    """A log that has not answered for more than three seconds is DOWN, and LIVE once it has answered again."""
    log = ScriptedLog(clock)
    log.answered_at = clock.monotonic()
    reader = FeedReader(log, nobody, clock)
    clock.advance(3)
    log.claims = {0: clock.wall()}
    assert reader.status().state is FeedState.LIVE

    clock.advance_ns(1)
    down = reader.status()
    clock.advance(10)

    assert down.state is FeedState.DOWN
    assert reader.status() == down
    log.answered_at = clock.monotonic()
    log.claims = {0: clock.wall()}
    assert reader.status().state is FeedState.LIVE


async def test_reader_far_behind_is_stale(clock: VirtualClock) -> None:
    """A reader that is more than 2 s behind the log is STALE, and LIVE once it has caught up."""
    log = ScriptedLog(clock)
    log.claims = {0: clock.wall()}
    reader = FeedReader(log, nobody, clock)
    clock.advance(2)
    assert reader.status().state is FeedState.LIVE

    clock.advance_ns(1)
    stale = reader.status()
    clock.advance(5)

    assert stale.state is FeedState.STALE
    assert reader.status().since == stale.since
    log.claims = {0: clock.wall()}
    assert reader.status().state is FeedState.LIVE


async def test_read_through_never_goes_back(clock: VirtualClock) -> None:
    """What was claimed as read stays claimed, if the log can say less about it later."""
    log = ScriptedLog(clock)
    log.claims = {0: clock.wall() + 5}
    reader = FeedReader(log, nobody, clock)
    claimed = reader.status().read_through

    log.claims = {0: clock.wall() + 3}

    assert claimed == clock.wall() + 5
    assert reader.status().read_through == claimed


async def test_silence_is_no_fault(clock: VirtualClock) -> None:
    """A log that is read to its end is LIVE, however long nothing is published."""
    log = ScriptedLog(clock)
    reader = FeedReader(log, nobody, clock)
    async with running(reader):
        for _ in range(10):
            clock.advance(3600)
            log.claims = {0: clock.wall()}
            assert reader.status().state is FeedState.LIVE
