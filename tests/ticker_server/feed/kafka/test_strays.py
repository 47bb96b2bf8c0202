"""Partitions that an administrator added: nothing of ours lives there, and what strays into them is told."""

from __future__ import annotations

import asyncio

from structlog.testing import capture_logs

from tests.support.log_reader import reading
from tests.support.price_logs import KafkaLogs
from tests.support.price_topic import PriceTopic
from ticker_server.feed.kafka.records import encode
from ticker_server.model.acceptance import Reason
from ticker_server.model.tick import Tick

DIFFERS = "topic has more partitions than are used; whatever is written to them is skipped"


async def skipped(logs: KafkaLogs, count: int) -> None:
    """Wait until so many records of a wrong partition were counted."""
    async with asyncio.timeout(20):
        while logs.opened[-1].skips.counts[Reason.WRONG_PARTITION] < count:  # noqa: ASYNC110  # a broker tells, later
            await asyncio.sleep(0.02)


async def test_partitions_added_under_load(logs: KafkaLogs, topic: PriceTopic) -> None:
    """Partitions added while all run: nothing of ours moves, and each record in them is counted and told."""
    log = await logs.open()
    sent = 0
    stop = asyncio.Event()

    async def publish() -> None:
        nonlocal sent
        while not stop.is_set():
            await log.publish([Tick(f"S{number}", "1") for number in range(20)])
            sent += 20

    with capture_logs() as told:
        async with reading(log) as reader:
            publishing = asyncio.create_task(publish())
            await reader.until(lambda: len(reader.ticks) > 100)
            await asyncio.to_thread(topic.add_partitions, 8)
            for partition in range(4, 8):
                await asyncio.to_thread(topic.produce, partition, *encode(Tick("S1", "9")))
            await asyncio.to_thread(topic.flush)
            await skipped(logs, 4)
            before = len(reader.ticks)
            await reader.until(lambda: len(reader.ticks) > before + 100)
            stop.set()
            await publishing
            await reader.until(lambda: len(reader.ticks) == sent)

    for stock_id in {tick.stock_id for tick in reader.ticks}:
        mine = [tick for tick in reader.ticks if tick.stock_id == stock_id]
        assert [tick.tick_number for tick in mine] == list(range(1, len(mine) + 1))
        assert [tick.sequence for tick in mine] == sorted(tick.sequence for tick in mine)
    differs = [line for line in told if line["event"] == DIFFERS]
    assert [(line["has"], line["used"], line["log_level"]) for line in differs] == [(8, 4, "error")]
    assert {line["record"] for line in told if line["event"] == "record skipped"} == {
        f"{topic.name}-{partition}-0" for partition in range(4, 8)
    }


async def test_partitions_that_were_there_before(logs: KafkaLogs, topic: PriceTopic) -> None:
    """Of partitions that a start finds, what is in them already is not read, and what comes is."""
    await asyncio.to_thread(topic.add_partitions, 5)
    await asyncio.to_thread(topic.produce, 4, b"old", b"")
    await asyncio.to_thread(topic.flush)
    with capture_logs() as told:
        log = await logs.open()
        async with asyncio.timeout(20):
            while DIFFERS not in {line["event"] for line in told}:  # noqa: ASYNC110  # the first probe tells
                await asyncio.sleep(0.02)
        await asyncio.to_thread(topic.produce, 4, b"new", b"")
        await asyncio.to_thread(topic.flush)
        await skipped(logs, 1)

    assert log.skips.counts == {Reason.WRONG_PARTITION: 1}
    assert [line["record"] for line in told if line["event"] == "record skipped"] == [f"{topic.name}-4-1"]
