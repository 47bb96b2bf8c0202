"""Replays of a topic: numbered as the first time, from the nearest state that is known."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from tests.support.price_logs import KafkaLogs, published_by
from tests.support.price_topic import PriceTopic
from ticker_server.errors import PriceLogUnavailable
from ticker_server.feed.kafka.fold import KnownState, Origin
from ticker_server.feed.kafka.log import KafkaLog
from ticker_server.feed.kafka.replays import Replays
from ticker_server.model.acceptance import Acceptance, Record, Snapshot
from ticker_server.model.partition import home_partition
from ticker_server.model.tick import Tick

HOME = home_partition("A", KafkaLogs.partitions)
NEWEST = 12


async def filled(topic: PriceTopic) -> None:
    """Publish ticks of one stock, the first three of them a second time in between: twelve ticks in fifteen records."""
    ticks = published_by("p", *range(1, 7), *range(1, 4), *range(7, NEWEST + 1), stock_id="A")
    await asyncio.to_thread(topic.publish, *ticks)


def state_at(position: int) -> KnownState:
    """Return what a fold of what `filled` has written knows at a position."""
    acceptance = Acceptance(KafkaLogs.partitions)
    ticks = published_by("p", *range(1, 7), *range(1, 4), *range(7, NEWEST + 1), stock_id="A")
    for sequence, tick in enumerate(ticks[:position], 1):
        acceptance.accept(Record(HOME, sequence, 0, "A", tick))
    return KnownState(position, list(acceptance.numberings.values()))


async def replayed(log: KafkaLog, position: int, last_number: int = NEWEST) -> tuple[int, list[tuple[str, int]]]:
    """Return from where a replay of the partition begins, and price and number of what it brings through a number."""
    found: list[tuple[str, int]] = []
    begun: int | None = None
    async with asyncio.timeout(20), contextlib.aclosing(log.replay(HOME, position)) as batches:
        async for batch in batches:
            begun = batch.positions[HOME] if begun is None else begun
            found += [(tick.price, tick.tick_number) for tick in batch.ticks]
            if found and found[-1][1] >= last_number:
                break
    assert begun is not None
    return begun, found


def numbers(first: int, last: int = NEWEST) -> list[tuple[str, int]]:
    """Return price and number of ticks of `filled`."""
    return [(str(number), number) for number in range(first, last + 1)]


async def test_from_the_beginning(logs: KafkaLogs, topic: PriceTopic) -> None:
    """A log that has its beginning is folded from there, whatever the position."""
    await filled(topic)
    log = await logs.open()

    assert await replayed(log, 0) == (0, numbers(1))
    assert await replayed(log, 4) == (4, numbers(5))
    assert await replayed(log, 8) == (8, numbers(7))


async def test_from_a_stored_state(logs: KafkaLogs, topic: PriceTopic) -> None:
    """Where the beginning is gone it is folded from the nearest stored state at or below the position."""
    asked: list[tuple[int, int, int]] = []

    async def find(partition: int, position: int, beginning: int) -> KnownState:
        asked.append((partition, position, beginning))
        return state_at(7 if position >= 7 else 5)

    await filled(topic)
    await asyncio.to_thread(topic.delete_before, HOME, 5)
    log = await logs.open(find_state=find)

    assert await replayed(log, 8) == (8, numbers(7))
    assert await replayed(log, 6) == (6, numbers(7))
    assert await replayed(log, 5) == (5, numbers(6))
    assert await replayed(log, 2) == (5, numbers(6))
    assert (HOME, 8, 5) in asked


async def test_from_the_snapshot(logs: KafkaLogs, topic: PriceTopic) -> None:
    """Without any other state it begins at the snapshot, which is above the position."""
    await filled(topic)
    first = await logs.open()
    snapshot = first.snapshot()
    await asyncio.to_thread(topic.delete_before, HOME, 9)
    await asyncio.to_thread(topic.publish, Tick("A", "13"))
    log = await logs.open(snapshot)

    assert await replayed(log, 3, NEWEST + 1) == (15, [("13", NEWEST + 1)])


async def test_beginning_that_goes_during_a_replay(logs: KafkaLogs, topic: PriceTopic) -> None:
    """A replay ends where what it would read next is gone meanwhile, and the next one begins above that."""
    await filled(topic)
    log = await logs.open()
    async with contextlib.aclosing(log.replay(HOME, 2)) as batches:
        assert (await anext(batches)).positions == {HOME: 2}
        await asyncio.to_thread(topic.delete_before, HOME, 15)
        await asyncio.to_thread(topic.publish, Tick("A", "13"))
        rest = [batch async for batch in batches]

    assert rest == []
    assert (await replayed(log, 2, NEWEST + 1))[1] == [("13", NEWEST + 1)]


async def test_stored_states_that_cannot_be_read(logs: KafkaLogs, topic: PriceTopic) -> None:
    """While stored states cannot be read, a replay begins with what is at hand if that is near, and is refused else."""

    async def find(_partition: int, _position: int, _beginning: int) -> KnownState:
        raise PriceLogUnavailable("the database is away")

    await filled(topic)
    log = await logs.open(find_state=find)
    assert await replayed(log, 8) == (8, numbers(7))
    origin = Origin(KafkaLogs.partitions, Snapshot({}, ()), {}, counting=True)
    near = Replays(logs.connection, logs.topic, await logs.identity(), lambda: None, find, far=7)

    with pytest.raises(PriceLogUnavailable):
        await anext(near.read(origin, HOME, 8))
    reading = near.read(origin, HOME, 7)
    assert (await anext(reading)).positions == {HOME: 7}
    await reading.aclose()
    await near.close()


async def test_positions_of_a_time(logs: KafkaLogs, topic: PriceTopic) -> None:
    """Above the positions of a time lies exactly what was accepted then or later."""
    log = await logs.open()
    for number in range(1, 6):
        await log.publish([Tick("A", str(number))])
        await asyncio.sleep(0.003)
    ticks = []
    async for batch in log.replay(HOME, 0):
        ticks += batch.ticks
        if len(ticks) == 5:
            break

    for tick in ticks:
        assert (await log.positions_since(tick.accept_time))[HOME] == tick.sequence - 1
        assert (await log.positions_since(tick.accept_time + 1))[HOME] == tick.sequence
    assert await log.positions_since(-5) == dict.fromkeys(range(KafkaLogs.partitions), 0)


async def test_oldest_replay_time(logs: KafkaLogs, topic: PriceTopic) -> None:
    """Everything since the oldest record can be replayed; where some are gone, since what is known behind them."""
    await filled(topic)
    whole = await logs.open()
    async for batch in whole.replay(HOME, 0):
        if batch.ticks:
            first = batch.ticks[0].accept_time
            break
    await looked(whole)
    await asyncio.to_thread(topic.delete_before, HOME, 9)
    cut = await logs.open(whole.snapshot())
    await looked(cut)

    assert whole.oldest_replay_time() == first
    assert cut.oldest_replay_time() == whole.snapshot().numberings[0].newest.accept_time


async def looked(log: KafkaLog) -> None:
    """Wait until a log has found out how far back it goes."""
    async with asyncio.timeout(20):
        while not log.oldest_replay_time():  # noqa: ASYNC110  # it looks by itself
            await asyncio.sleep(0.01)
