"""One price log as a sync server sees it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.support.price_topic import PriceTopic
from ticker_server.errors import PriceLogUnavailable
from ticker_server.feed.kafka.consumer import RecordStream
from ticker_server.feed.kafka.identity import read_identity
from ticker_server.feed.kafka.offsets import LogReplaced
from ticker_server.history.log_watch import LogWatch


@asynccontextmanager
async def watching(topic: PriceTopic) -> AsyncIterator[LogWatch]:
    """Watch the topic that bears the name now."""
    identity = await read_identity(topic.connection, topic.name, topic.partitions)
    log = LogWatch(topic.connection, topic.name, identity)
    try:
        yield log
    finally:
        await log.close()


async def values(stream: RecordStream, following: dict[int, int]) -> dict[int, list[bytes | None]]:
    """Read until the offsets that come next are these, and return the values by partition."""
    found: dict[int, list[bytes | None]] = {}
    try:
        async with asyncio.timeout(20):
            while stream.positions != following:
                for partition, records in (await stream.next()).items():
                    found.setdefault(partition, []).extend(record.value for record in records)
    finally:
        await stream.close()
    return found


def fill(topic: PriceTopic, partition: int, *contents: bytes) -> None:
    """Write values to a partition."""
    for content in contents:
        topic.produce(partition, b"key", content)
    topic.flush()


async def test_reads_what_is_not_stored(topic: PriceTopic) -> None:
    """Each partition is read from where it is stored, or from its oldest record, and no other partition is."""
    fill(topic, 0, b"a", b"b", b"c")
    fill(topic, 1, b"x", b"y")
    fill(topic, 2, b"-")
    await asyncio.to_thread(topic.delete_before, 1, 1)
    async with watching(topic) as log:
        stream = await log.open({0: 2, 1: 0})
        assert await values(stream, {0: 3, 1: 2}) == {0: [b"c"], 1: [b"y"]}


async def test_position_beyond_the_end(topic: PriceTopic) -> None:
    """A stored position that the log does not reach is refused."""
    async with watching(topic) as log:
        with pytest.raises(PriceLogUnavailable, match="ends at offset 0, before 2"):
            await log.open({0: 2})


async def test_no_partitions(topic: PriceTopic) -> None:
    """A member without partitions reads nothing."""
    async with watching(topic) as log:
        stream = await log.open({})
        assert await stream.next() == {}
        await stream.close()


async def test_topic_made_anew(topic: PriceTopic) -> None:
    """Who reads, asks or waits learns that the name belongs to another topic, and reads nothing of it."""
    async with watching(topic) as log:
        await log.confirm()
        stream = await log.open({0: 0})
        await asyncio.to_thread(topic.delete)
        await asyncio.to_thread(topic.create)
        fill(topic, 0, b"new")
        seeing = asyncio.create_task(log.see_whether_replaced())
        async with asyncio.timeout(20):
            while not seeing.done():
                assert await stream.next() == {}
        await stream.close()
        with pytest.raises(LogReplaced):
            await seeing
        with pytest.raises(LogReplaced):
            await log.confirm()
        with pytest.raises(LogReplaced):
            await log.open({0: 0})
