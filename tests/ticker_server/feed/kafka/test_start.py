"""Where a log in Kafka is opened: at a snapshot, at its beginning, or a minute ago."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient
from structlog.testing import capture_logs

from tests.support.broker import Broker
from tests.support.log_reader import reading
from tests.support.price_logs import KafkaLogs, instant_read_through, published_by
from tests.support.price_topic import PriceTopic
from tests.support.transaction import Transaction
from ticker_server.clock import SystemClock
from ticker_server.errors import PriceLogUnavailable
from ticker_server.feed.kafka.connection import KafkaConnection
from ticker_server.feed.kafka.identity import Identity
from ticker_server.feed.kafka.log import KafkaLog
from ticker_server.feed.log import Outcome
from ticker_server.model.acceptance import Snapshot
from ticker_server.model.partition import home_partition
from ticker_server.model.tick import Tick

PARTITIONS = KafkaLogs.partitions


def delete_before(broker: Broker, topic: str, position: int, stock_id: str) -> None:
    """Let the beginning of a stock's partition go, as retention does."""
    admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers, "log_level": 0})
    place = TopicPartition(topic, home_partition(stock_id, PARTITIONS), position)
    for future in admin.delete_records([place]).values():
        future.result(10)


async def prices_above(logs: KafkaLogs, snapshot: Snapshot | None, count: int) -> Sequence[tuple[str, int]]:
    """Return the prices and numbers that a log opened with a snapshot reads, so many of them."""
    log = await logs.open(snapshot)
    async with reading(log) as reader:
        await reader.until(lambda: len(reader.ticks) >= count)
    return [(tick.price, tick.tick_number) for tick in reader.ticks]


async def test_short_log_is_folded_from_its_beginning(logs: KafkaLogs, topic: PriceTopic) -> None:
    """Without a snapshot a short log is folded whole, an open transaction and its markers included."""
    await asyncio.to_thread(topic.publish, Tick("A", "1"), Tick("A", "2"), Tick("B", "3"))
    done = await asyncio.to_thread(Transaction, topic)
    await asyncio.to_thread(done.write, Tick("C", "4"))
    await asyncio.to_thread(done.commit)
    under_way = await asyncio.to_thread(Transaction, topic)
    await asyncio.to_thread(under_way.write, Tick("B", "5"))

    log = await logs.open()

    snapshot = log.snapshot()
    assert log.counted
    assert {(each.newest.stock_id, each.newest.price, each.newest.tick_number) for each in snapshot.numberings} == {
        ("A", "2", 2),
        ("B", "3", 1),
        ("C", "4", 1),
    }
    async with reading(log) as reader:
        await asyncio.to_thread(under_way.commit)
        await reader.until(lambda: [tick.price for tick in reader.ticks] == ["5"])


async def test_snapshot_goes_on_as_the_whole_log(logs: KafkaLogs) -> None:
    """A log opened at any snapshot numbers as one that was read from the beginning, repeats included."""
    first = await logs.open()
    halfway = None
    async with reading(first) as reader:
        for number in range(1, 41):
            await first.publish(published_by("p", number, number, stock_id=f"S{number % 3}"))
            if number == 20:
                halfway = (await logs.open()).snapshot()
        await reader.until(lambda: len(reader.ticks) == 40)
    assert halfway is not None

    second = await logs.open(halfway)
    async with reading(second) as later:
        await later.until(lambda: len(later.ticks) == 20)

    assert second.snapshot().positions == halfway.positions
    assert later.numbers() == [each for each in reader.numbers() if int(each[1]) > 20]


async def test_repeats_of_before_the_snapshot_are_known(logs: KafkaLogs) -> None:
    """What a publisher sent before a snapshot is a duplicate for who starts from it."""
    log = await logs.open()
    await log.publish(published_by("p", 1, 2))
    await logs.kill()
    snapshot = (await logs.open()).snapshot()

    log = await logs.open(snapshot)
    async with reading(log) as reader:
        await log.publish(published_by("p", 3))
        await reader.until(lambda: len(reader.ticks) == 1)
        answers = await log.publish(published_by("p", 2, 4))

    assert [each.outcome for each in answers] == [Outcome.DUPLICATE, Outcome.ACCEPTED]


async def test_snapshot_older_than_the_log(logs: KafkaLogs, broker: Broker) -> None:
    """Records that went before a snapshot had them are an error in the log; numbers go on where they were."""
    log = await logs.open()
    await log.publish([Tick("A", "1"), Tick("A", "2")])
    await logs.kill()
    snapshot = (await logs.open()).snapshot()
    log = await logs.open(snapshot)
    await log.publish([Tick("A", str(price)) for price in range(3, 8)])
    await asyncio.to_thread(delete_before, broker, logs.topic, 5, "A")

    with capture_logs() as told:
        assert await prices_above(logs, snapshot, 2) == [("6", 3), ("7", 4)]

    assert {(line["event"], line.get("now_at")) for line in told if line["log_level"] == "error"} == {
        ("records are gone that no snapshot has", 5)
    }


async def test_snapshot_beyond_the_log(logs: KafkaLogs) -> None:
    """Positions that the log has not reached are waited for: what is written below them is never read."""
    log = await logs.open()
    await log.publish([Tick("A", "1")])
    home = home_partition("A", PARTITIONS)
    snapshot = Snapshot(dict.fromkeys(range(PARTITIONS), 0) | {home: 3}, ())

    with capture_logs() as told:
        log = await logs.open(snapshot)
        async with reading(log) as reader:
            await log.publish([Tick("A", "2")])
            asked = time.time_ns()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(1):
                    await instant_read_through(log, snapshot.positions, asked)
            await log.publish([Tick("A", str(price)) for price in range(3, 6)])
            await reader.until(lambda: len(reader.ticks) == 2)
            await instant_read_through(log, reader.positions, asked)

    assert [(tick.price, tick.sequence) for tick in reader.ticks] == [("4", 4), ("5", 5)]
    assert "the log ends before its snapshot; waiting for its end" in {line["event"] for line in told}


async def test_without_a_snapshot_and_a_beginning(logs: KafkaLogs, broker: Broker) -> None:
    """A log whose beginning is gone is read from a minute ago, and its ticks have no numbers."""
    log = await logs.open()
    await log.publish([Tick("A", str(price)) for price in range(1, 6)])
    await logs.kill()
    await asyncio.to_thread(delete_before, broker, logs.topic, 2, "A")

    log = await logs.open()

    assert not log.counted
    assert list(log.snapshot().numberings) == []
    async with reading(log) as reader:
        await log.publish([Tick("A", "6"), Tick("B", "1")])
        await reader.until(lambda: len(reader.ticks) == 5)
    assert {(tick.price, tick.tick_number) for tick in reader.ticks} == {
        *[(str(price), 0) for price in range(3, 7)],
        ("1", 0),
    }


async def test_resumed_reader_below_the_snapshot(logs: KafkaLogs, broker: Broker) -> None:
    """Below the snapshot ticks have numbers as long as the beginning is there; from the snapshot on they always have."""
    log = await logs.open()
    await log.publish([Tick("A", str(price)) for price in range(1, 6)])
    await logs.kill()
    snapshot = (await logs.open()).snapshot()
    home = home_partition("A", PARTITIONS)

    log = await logs.open(snapshot)
    await log.publish([Tick("A", "6")])
    async with reading(log, {home: 3}) as whole:
        await whole.until(lambda: len(whole.ticks) == 3)
    await asyncio.to_thread(delete_before, broker, logs.topic, 2, "A")
    log = await logs.open(snapshot)
    async with reading(log, {home: 3}) as cut:
        await cut.until(lambda: len(cut.ticks) == 3)

    assert [(tick.price, tick.tick_number) for tick in whole.ticks] == [("4", 4), ("5", 5), ("6", 6)]
    assert [(tick.price, tick.tick_number) for tick in cut.ticks] == [("4", 0), ("5", 0), ("6", 6)]


async def test_retention_passes_a_reader(logs: KafkaLogs, broker: Broker) -> None:
    """A reader whose next record is gone goes on at the oldest one, which is an error in the log."""
    log = await logs.open()
    await log.publish([Tick("A", str(price)) for price in range(1, 6)])
    home = home_partition("A", PARTITIONS)
    await asyncio.to_thread(delete_before, broker, logs.topic, 4, "A")

    with capture_logs() as told:
        async with reading(log, {home: 1}) as reader:
            await reader.until(lambda: len(reader.ticks) == 1)

    assert [tick.price for tick in reader.ticks] == ["5"]
    assert [line["now_at"] for line in told if line["event"] == "records are gone that were not read yet"] == [4]


async def test_no_broker() -> None:
    """A log is not opened without its broker, and says so in a bounded time."""
    identity = Identity("cluster", "6f6ee2d3-9d3b-4a5c-8fd9-2d0a30aa0000", PARTITIONS)
    log = KafkaLog(KafkaConnection("127.0.0.1:1"), "none.prices", identity, SystemClock())
    started = time.monotonic()

    with pytest.raises(PriceLogUnavailable):
        await log.open(None)
    await log.close()

    assert time.monotonic() - started < 8
