"""What the embedded price log does beyond the contract: one file, group commit, a disk that fails or hangs, pruning."""

from __future__ import annotations

import asyncio
import gc
import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import structlog

from tests.support.price_logs import SqliteLogs, published_by, read_through
from tests.support.virtual_clock import SECOND, VirtualClock
from ticker_server.errors import PriceLogUnavailable
from ticker_server.feed.log import Outcome, Published
from ticker_server.feed.sqlite import SqliteLog
from ticker_server.model.acceptance import MIN_TRADE_TIME
from ticker_server.model.tick import Tick

DAY = 24 * 3600


class CountingLock(asyncio.Lock):
    """Counts how often it was taken: that is how many transactions there were."""

    taken = 0

    async def acquire(self) -> Any:
        """Take the lock."""
        taken = await super().acquire()
        self.taken += 1
        return taken


@pytest.fixture
async def logs(tmp_path: Path, migrated_file: Path, clock: VirtualClock) -> AsyncIterator[SqliteLogs]:
    """Return an empty price log on a real file, with a clock that stands still."""
    opened = SqliteLogs(Path(shutil.copy(migrated_file, tmp_path)), clock)
    yield opened
    await opened.close()


def outcomes(published: list[Published]) -> list[Outcome]:
    """Return the outcomes alone."""
    return [each.outcome for each in published]


def execute(logs: SqliteLogs, statement: str) -> list[Any]:
    """Run a statement on the file, by a connection of its own."""
    with closing(sqlite3.connect(logs.path, isolation_level=None)) as connection:
        return connection.execute(statement).fetchall()


async def turns() -> None:
    """Let all others go as far as they can without the disk."""
    for _ in range(10):
        await asyncio.sleep(0)


async def idle(log: SqliteLog) -> None:
    """Wait until the log has nothing to do: what it begins with at its start is done."""
    await log.publish([])
    await log.publish([])


async def test_sequences_are_row_ids(logs: SqliteLogs) -> None:
    """Sequences count from 1 without a hole, and repeats take none."""
    log = await logs.open()

    published = await log.publish([*published_by("p", 1, 2, 2, 3), *published_by("q", 1)])

    assert [each.sequence for each in published] == [1, 2, 0, 3, 4]
    assert execute(logs, "SELECT sequence, price FROM price_tick") == [(1, "1"), (2, "2"), (3, "3"), (4, "1")]


async def test_sequences_increase_from_call_to_call(logs: SqliteLogs) -> None:
    """All stocks share one order: sequences increase within a call and from call to call."""
    log = await logs.open()

    first = await log.publish([Tick("AAPL", "1"), Tick("MSFT", "2"), Tick("AAPL", "3")])
    second = await log.publish([Tick("AAPL", "4")])

    assert [each.sequence for each in first + second] == [1, 2, 3, 4]


async def test_repeats_are_told_at_once(logs: SqliteLogs) -> None:
    """A repeat is a duplicate as soon as the tick itself was accepted, within a call and between calls, read or not."""
    log = await logs.open()

    one, other = await asyncio.gather(log.publish(published_by("p", 1, 1)), log.publish(published_by("p", 1)))

    assert outcomes(one) == [Outcome.ACCEPTED, Outcome.DUPLICATE]
    assert outcomes(other) == [Outcome.DUPLICATE]
    repeated = await log.publish([*published_by("q", 1), *published_by("p", 1, stock_id="X"), *published_by("p", 1)])
    assert outcomes(repeated) == [Outcome.ACCEPTED, Outcome.ACCEPTED, Outcome.DUPLICATE]


async def test_repeats_are_told_after_a_kill(logs: SqliteLogs) -> None:
    """A publisher that did not get its answer because of a kill is told what was there already."""
    await (await logs.open()).publish(published_by("p", 1, 2, 3))
    await logs.kill()

    repeated = await (await logs.open()).publish(published_by("p", 1, 2, 3, 4))

    assert outcomes(repeated) == [Outcome.DUPLICATE] * 3 + [Outcome.ACCEPTED]


async def test_forgotten_publishers_are_told_after_a_kill(logs: SqliteLogs) -> None:
    """Which of too many publishers is forgotten, and so not told of its repeat, does not depend on a restart."""
    log = await logs.open()
    for number in range(64):
        await log.publish(published_by(f"p{number}", 5))
    await log.publish(published_by("p0", 6))
    await logs.kill()

    log = await logs.open()
    await log.publish(published_by("p64", 5))

    repeated = await log.publish([*published_by("p0", 6), *published_by("p2", 5), *published_by("p1", 5)])
    assert outcomes(repeated) == [Outcome.DUPLICATE, Outcome.DUPLICATE, Outcome.ACCEPTED]


async def test_publishes_that_wait_share_a_commit(logs: SqliteLogs) -> None:
    """All that is published while a commit is under way goes into the next one."""
    logs.write_lock = lock = CountingLock()
    log = await logs.open()
    await idle(log)
    await lock.acquire()
    before = lock.taken
    first = asyncio.create_task(log.publish([Tick("AAPL", "1")]))
    await turns()
    others = [asyncio.create_task(log.publish([Tick("AAPL", str(price))])) for price in range(2, 40)]
    await turns()

    lock.release()
    answers = await asyncio.gather(first, *others)

    assert [answer[0].sequence for answer in answers] == list(range(1, 40))
    assert lock.taken - before == 2


async def test_hanging_disk_is_unknown(logs: SqliteLogs) -> None:
    """A publish that the disk does not answer in time is UNKNOWN; it may become durable, and its repeat is dropped."""
    log = await logs.open(answer_seconds=0.0)
    await logs.write_lock.acquire()

    assert await log.publish(published_by("p", 1, 2)) == [Published(Outcome.UNKNOWN)] * 2

    logs.write_lock.release()
    await logs.end()
    repeated = await (await logs.open()).publish(published_by("p", 1, 2, 3))
    assert outcomes(repeated) == [Outcome.DUPLICATE, Outcome.DUPLICATE, Outcome.ACCEPTED]
    assert repeated[-1].sequence == 3


async def test_publisher_that_gives_up_changes_nothing(logs: SqliteLogs) -> None:
    """A publish whose caller is gone is written all the same, and the next one is numbered after it."""
    log = await logs.open()
    await logs.write_lock.acquire()
    gone = asyncio.create_task(log.publish([Tick("AAPL", "1")]))
    await turns()
    gone.cancel()
    await asyncio.wait([gone])

    logs.write_lock.release()

    assert (await log.publish([Tick("AAPL", "2")]))[0].sequence == 2
    assert [tick.price for tick in await read_through(log, 0, 2)] == ["1", "2"]


REFUSALS = {
    "full": "PRAGMA max_page_count=1",  # SQLite does not go below what is there already
    "forbidden": "PRAGMA query_only=ON",
}
REPAIRS = {"full": "PRAGMA max_page_count=1000000", "forbidden": "PRAGMA query_only=OFF"}


@pytest.mark.parametrize("kind", REFUSALS)
async def test_refused_write_leaves_nothing_half_done(logs: SqliteLogs, kind: str) -> None:
    """A write that the disk refuses is PRICE_LOG_UNAVAILABLE for all that share it; later ones are numbered rightly."""
    log = await logs.open()
    await idle(log)
    await log.publish(published_by("p", 1))
    log._storage._opened._connection.execute(REFUSALS[kind])
    many = [[Tick("AAPL", f"{batch}.{n}") for n in range(1, 900)] for batch in range(1, 10)]
    many[0] = published_by("p", *range(2, 900))

    with structlog.testing.capture_logs() as written:
        answers = await asyncio.gather(*map(log.publish, many), return_exceptions=True)

    assert all(isinstance(answer, PriceLogUnavailable) for answer in answers)
    assert len({id(answer) for answer in answers}) == len(answers)
    assert [line["event"] for line in written] == ["price log refused a write"] * len(written)
    assert execute(logs, "SELECT count(*), max(sequence) FROM price_tick") == [(1, 1)]
    assert execute(logs, "SELECT tick_number, publishers FROM latest_price") == [(1, '[["p",1]]')]

    log._storage._opened._connection.execute(REPAIRS[kind])
    published = await log.publish(published_by("p", 1, 2))
    assert published == [Published(Outcome.DUPLICATE), Published(Outcome.ACCEPTED, 2)]
    assert [(tick.price, tick.tick_number) for tick in await read_through(log, 0, 2)] == [("1", 1), ("2", 2)]


async def test_refusal_after_the_publisher_gave_up_is_quiet(logs: SqliteLogs) -> None:
    """An error that nobody waits for any more is logged once, and asyncio has nothing to complain about."""
    complaints: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    log = await logs.open(answer_seconds=0.0)
    await idle(log)
    log._storage._opened._connection.execute("PRAGMA query_only=ON")

    with structlog.testing.capture_logs() as written:
        assert outcomes(await log.publish([Tick("AAPL", "1")])) == [Outcome.UNKNOWN]
        await logs.end()
    gc.collect()

    assert [line["event"] for line in written if line["log_level"] == "error"] == ["price log refused a write"]
    assert not complaints


async def test_tick_that_no_column_holds_harms_nobody(logs: SqliteLogs) -> None:
    """A trade time beyond 64 bits is not taken, and what is published with it is."""
    log = await logs.open()

    published = await log.publish([Tick("AAPL", "1", trade_time=MIN_TRADE_TIME - 1), Tick("AAPL", "2")])

    assert published == [Published(Outcome.UNKNOWN), Published(Outcome.ACCEPTED, 1)]
    assert (await log.publish([Tick("AAPL", "3", trade_time=MIN_TRADE_TIME)]))[0].sequence == 2


async def test_stop_writes_what_was_taken(logs: SqliteLogs) -> None:
    """When the log stops, what was taken is written and answered, and nothing more is taken."""
    log = await logs.open()
    await logs.write_lock.acquire()
    taken = [asyncio.create_task(log.publish([Tick("AAPL", str(price))])) for price in (1, 2, 3)]
    await turns()

    log.stop()
    with pytest.raises(PriceLogUnavailable, match="closed"):
        await log.publish([Tick("AAPL", "4")])
    logs.write_lock.release()
    await logs.end()

    assert [task.result()[0].sequence for task in taken] == [1, 2, 3]
    assert execute(logs, "SELECT count(*) FROM price_tick") == [(3,)]


async def test_unreadable_file(logs: SqliteLogs) -> None:
    """A reader of what cannot be read is told so, and can read it once that is over."""
    await (await logs.open()).publish([Tick("AAPL", "1")])
    await logs.kill()
    log = await logs.open()
    execute(logs, "ALTER TABLE price_tick RENAME TO away")

    with pytest.raises(PriceLogUnavailable):
        await anext(log.read({}))

    execute(logs, "ALTER TABLE away RENAME TO price_tick")
    assert len(await read_through(log, 0, 1)) == 1


async def test_reading_from_file_and_memory_has_no_seam(logs: SqliteLogs) -> None:
    """A reader that begins in the file and goes on in memory gets each tick once, while others publish."""
    await (await logs.open()).publish([Tick("AAPL", str(price)) for price in range(1, 1301)])
    await logs.kill()
    log = await logs.open()
    publishing = asyncio.create_task(
        _publish_each(log, [[Tick("AAPL", str(price)), Tick("MSFT", "1")] for price in range(1, 201)])
    )

    read = await read_through(log, 0, 1700)

    await publishing
    assert [tick.sequence for tick in read] == list(range(1, 1701))
    assert [tick.price for tick in read if tick.stock_id == "AAPL"] == list(
        map(str, chain(range(1, 1301), range(1, 201)))
    )


async def _publish_each(log: SqliteLog, batches: list[list[Tick]]) -> None:
    for batch in batches:
        await log.publish(batch)


async def test_old_ticks_are_pruned(logs: SqliteLogs, clock: VirtualClock) -> None:
    """After seven days ticks are deleted; epoch, numbering, newest prices and repeats are as if they were there."""
    log = await logs.open()
    epoch = log.epoch
    await log.publish([*published_by("p", 1, 2), Tick("OLD", "7")])
    clock.advance(5 * DAY)
    await log.publish([Tick("NEW", "8")])
    await logs.end()
    clock.advance(2 * DAY + 1)

    log = await logs.open()
    await idle(log)

    assert execute(logs, "SELECT sequence FROM price_tick") == [(4,)]
    assert {
        tick.stock_id: (tick.price, tick.tick_number) for tick in (each.newest for each in log.snapshot().numberings)
    } == {
        "AAPL": ("2", 2),
        "OLD": ("7", 1),
        "NEW": ("8", 1),
    }
    assert log.epoch == epoch
    published = await log.publish(published_by("p", 2, 3))
    assert published == [Published(Outcome.DUPLICATE), Published(Outcome.ACCEPTED, 5)]
    assert [(tick.sequence, tick.tick_number) for tick in await read_through(log, 0, 5)] == [(4, 1), (5, 3)]


async def test_numbering_survives_the_pruning_of_everything(logs: SqliteLogs, clock: VirtualClock) -> None:
    """If all ticks are older than seven days, sequences go on all the same, also after another restart."""
    await (await logs.open()).publish([Tick("AAPL", "1"), Tick("AAPL", "2")])
    clock.advance(8 * DAY)
    await logs.kill()
    await idle(await logs.open())
    assert execute(logs, "SELECT count(*) FROM price_tick") == [(0,)]
    await logs.kill()

    log = await logs.open()

    assert log.snapshot().positions == {0: 2}
    assert (await log.publish([Tick("AAPL", "3")]))[0].sequence == 3
    assert [tick.tick_number for tick in await read_through(log, 0, 3)] == [3]


async def test_pruning_keeps_up_with_steady_publishing(logs: SqliteLogs, clock: VirtualClock) -> None:
    """Pruning takes its turn between commits, a chunk at a time, however busy the log is."""
    await (await logs.open()).publish([Tick("AAPL", "1")])
    await logs.kill()
    execute(
        logs,
        "INSERT INTO price_tick (stock_id, price, size, trade_time_ns, accept_time_ns, tick_number)"
        " WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 12000)"
        f" SELECT 'AAPL', '1', '', 0, {clock.wall()}, i FROM n",
    )
    clock.advance(8 * DAY)

    log = await logs.open()
    publishers = [asyncio.create_task(_publish_each(log, [[Tick("MSFT", "1")]] * 5)) for _ in range(2)]
    await asyncio.gather(*publishers)

    assert execute(logs, "SELECT count(*), min(sequence) FROM price_tick") == [(10, 12_001)]


async def test_position_at_the_end_is_read_through_now(logs: SqliteLogs, clock: VirtualClock) -> None:
    """With nothing on its way, all that was accepted before now has been read; behind the end, less is claimed."""
    log = await logs.open()
    await log.publish([Tick("AAPL", "1")])
    clock.advance(10)
    await log.publish([Tick("AAPL", "2")])
    clock.advance(10)

    assert log.read_through({0: 2}) == clock.wall()
    assert log.read_through({0: 1}) == clock.wall() - 10 * SECOND
    assert log.read_through({0: 0}) == clock.wall() - 20 * SECOND


async def test_nothing_is_claimed_of_what_is_in_the_file_only(logs: SqliteLogs) -> None:
    """A position whose next tick is not in memory has no claim."""
    await (await logs.open()).publish([Tick("AAPL", "1"), Tick("AAPL", "2")])
    await logs.kill()
    log = await logs.open()

    assert log.read_through({0: 1}) == 0


async def test_commit_on_its_way_holds_the_claim_back(logs: SqliteLogs, clock: VirtualClock) -> None:
    """While a commit is under way, nothing is claimed from its accept time on."""
    log = await logs.open()
    await idle(log)
    await logs.write_lock.acquire()
    begun = clock.wall()
    publishing = asyncio.create_task(log.publish([Tick("AAPL", "1")]))
    await turns()

    clock.advance(60)
    claim = log.read_through({0: 0})
    logs.write_lock.release()
    await publishing

    assert claim == begun
    assert (await read_through(log, 0, 1))[0].accept_time == begun
    assert log.read_through({0: 1}) == clock.wall()


async def test_clock_set_back_breaks_no_claim(logs: SqliteLogs, clock: VirtualClock) -> None:
    """After the wall clock was set back, ticks are accepted no earlier than what was claimed as read."""
    log = await logs.open()
    claim = log.read_through({0: 0})

    clock.set_wall("2026-03-02T11:00:00+00:00")

    assert log.read_through({0: 0}) == claim
    await log.publish([Tick("AAPL", "1")])
    assert (await read_through(log, 0, 1))[0].accept_time >= claim


async def test_log_that_cannot_be_opened_can_be_closed(tmp_path: Path, clock: VirtualClock) -> None:
    """A file that cannot be opened is an sqlite3.Error, and closing the log afterwards is none."""
    log = SqliteLog(tmp_path, clock, asyncio.Lock())

    with pytest.raises(sqlite3.Error):
        await log.open()
    await log.close()


async def test_last_ticks_can_be_read(logs: SqliteLogs) -> None:
    """The last ticks come in their order, as many as are asked for, or as there are."""
    log = await logs.open()
    assert list(await log.recent()) == []
    await log.publish([Tick("AAPL", str(price)) for price in range(1, 6)])

    assert [tick.price for tick in await log.recent(2)] == ["4", "5"]
    assert [tick.tick_number for tick in await log.recent()] == [1, 2, 3, 4, 5]
