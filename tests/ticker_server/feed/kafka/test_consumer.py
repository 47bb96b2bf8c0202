"""Reading what others wrote: every codec, records of any size, transactions, and batches that cannot be decoded."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer
from structlog.testing import capture_logs

from tests.support.broker import running_broker
from tests.support.log_reader import reading
from tests.support.price_logs import KafkaLogs
from tests.support.price_topic import PriceTopic
from tests.support.transaction import Transaction
from ticker_server.clock import SystemClock
from ticker_server.feed.kafka.consumer import OutOfRange, RecordStream
from ticker_server.feed.kafka.records import encode
from ticker_server.model.acceptance import Reason
from ticker_server.model.partition import home_partition
from ticker_server.model.tick import Tick

PARTITIONS = KafkaLogs.partitions


async def first_of(stream: RecordStream) -> dict[int, Any]:
    """Return the next records that there are."""
    while not (fetched := await stream.next()):
        pass
    return fetched


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
async def test_codecs(logs: KafkaLogs, topic: PriceTopic, codec: str) -> None:
    """Batches of every codec are read, those of a foreign producer that finds the home partitions by murmur2."""
    log = await logs.open()
    sent = [Tick(f"S{number % 40}", f"{number}.5") for number in range(1, 400)]

    def produce() -> None:
        producer = Producer(
            {**topic.options, "compression.type": codec, "partitioner": "murmur2_random", "linger.ms": 20}
        )
        for tick in sent:
            key, value = encode(tick)
            producer.produce(topic.name, value, key)
        assert producer.flush(10) == 0

    async with reading(log) as reader:
        await asyncio.to_thread(produce)
        await reader.until(lambda: len(reader.ticks) == len(sent))

    assert sorted(tick.price for tick in reader.ticks) == sorted(tick.price for tick in sent)
    assert not log.skips.counts


async def test_foreign_records_are_counted_and_skipped(logs: KafkaLogs, topic: PriceTopic) -> None:
    """What is no tick is skipped with its reason and place, all else flows, and everyone counts alike."""
    key, value = encode(Tick("A", "1"))
    home, other = home_partition("A", PARTITIONS), (home_partition("A", PARTITIONS) + 1) % PARTITIONS
    first = await logs.open()
    with capture_logs() as told:
        async with reading(first) as reader:
            records: list[tuple[int, bytes | None, bytes | None]] = [
                (home, key, value),
                (home, key, b"\xff\xff"),
                (home, key, None),
                (home, key, b"x" * 5000),
                (home, b"B", value),
                (home, None, value),
                (other, key, value),
                (home, key, encode(Tick("A", "-1"))[1]),
                (home, key, encode(Tick("A", "2", trade_time=4 * 10**18))[1]),
                (home, key, encode(Tick("A", "3", publisher_id="p", publisher_sequence=1))[1]),
                (home, key, encode(Tick("A", "3", publisher_id="p", publisher_sequence=1))[1]),
            ]
            for record in records:
                await asyncio.to_thread(topic.produce, *record)
            await asyncio.to_thread(topic.flush)
            aborted = await asyncio.to_thread(Transaction, topic)
            await asyncio.to_thread(aborted.write, Tick("A", "66"))
            await asyncio.to_thread(aborted.abort)
            await first.publish([Tick("A", "4")])
            await reader.until(lambda: bool(reader.ticks) and reader.ticks[-1].price == "4")
    second = await logs.open()
    async with reading(second, {}) as again:
        await again.until(lambda: len(again.ticks) == len(reader.ticks))

    assert [(tick.price, tick.tick_number) for tick in reader.ticks] == [("1", 1), ("3", 2), ("4", 3)]
    assert again.numbers() == reader.numbers()
    assert first.skips.counts == {
        Reason.MALFORMED: 2,
        Reason.TOMBSTONE: 1,
        Reason.TOO_LARGE: 1,
        Reason.WRONG_KEY: 2,
        Reason.WRONG_PARTITION: 1,
        Reason.FUTURE_TRADE_TIME: 1,
        Reason.DUPLICATE: 1,
    }
    skipped = {(line["reason"], line["record"]) for line in told if line["event"] == "record skipped"}
    assert ("tombstone", f"{topic.name}-{home}-2") in skipped
    assert ("wrong_partition", f"{topic.name}-{other}-0") in skipped
    assert "duplicate" not in {reason for reason, _ in skipped}


async def test_markers_of_transactions_move_positions(logs: KafkaLogs, topic: PriceTopic) -> None:
    """Positions come to the end of the log, also where a marker of a transaction is the last thing there."""
    log = await logs.open()
    async with reading(log) as reader:
        transaction = await asyncio.to_thread(Transaction, topic)
        await asyncio.to_thread(transaction.write, Tick("A", "1"))
        await asyncio.to_thread(transaction.commit)
        await reader.until(lambda: reader.positions == topic.ends())
        aborted = await asyncio.to_thread(Transaction, topic)
        await asyncio.to_thread(aborted.write, Tick("A", "2"))
        await asyncio.to_thread(aborted.abort)
        await reader.until(lambda: reader.positions[home_partition("A", PARTITIONS)] == 4)

    assert reader.positions == topic.ends()
    assert len(reader.ticks) == 1


async def test_large_record_does_not_stop_its_partition(logs: KafkaLogs, topic: PriceTopic) -> None:
    """A record of a megabyte, larger than any fetch, is skipped, and what comes after it is read."""
    log = await logs.open()
    home = home_partition("A", PARTITIONS)
    async with reading(log) as reader:
        for _ in range(3):
            await asyncio.to_thread(topic.produce, home, b"A", bytes(999_000))
        await asyncio.to_thread(topic.flush)
        await log.publish([Tick("A", "1"), Tick("B", "2")])
        await reader.until(lambda: len(reader.ticks) == 2)

    assert log.skips.counts == {Reason.TOO_LARGE: 3}


@pytest.mark.kafka
async def test_batch_that_cannot_be_decoded(tmp_path: Path) -> None:
    """A batch that is broken on the broker's disk holds up its own partition, is told, and is never skipped."""
    async with running_broker(tmp_path / "kafka") as broker:
        logs = KafkaLogs(broker.bootstrap_servers, "own", SystemClock())
        log = await logs.open()
        home = home_partition("A", PARTITIONS)
        stray = next(f"S{n}" for n in range(99) if home_partition(f"S{n}", PARTITIONS) != home)
        await log.publish([Tick("A", "1"), Tick(stray, "1")])
        await log.publish([Tick("A", "777.777", publisher_id="broken", publisher_sequence=1)])
        (segment,) = (tmp_path / "kafka").rglob(f"{logs.topic}-{home}/*0.log")
        whole = segment.read_bytes()
        with segment.open("r+b") as file:
            file.seek(whole.index(b"broken"))
            file.write(b"BROKEN")
        with capture_logs() as told:
            async with reading(log) as reader:
                await reader.until(lambda: len(reader.ticks) == 2)
                await log.publish([Tick(stray, "2"), Tick("A", "2")])
                await reader.until(lambda: len(reader.ticks) == 3)
                await asyncio.sleep(1)
                assert {(tick.stock_id, tick.price) for tick in reader.ticks} == {
                    ("A", "1"),
                    (stray, "1"),
                    (stray, "2"),
                }
                with segment.open("r+b") as file:
                    file.write(whole)
                await reader.until(lambda: len(reader.ticks) == 5)
        await logs.close()

    assert [tick.tick_number for tick in reader.ticks if tick.stock_id == "A"] == [1, 2, 3]
    lines = [line for line in told if line["event"] == "batch cannot be decoded; its partition waits"]
    assert lines
    assert lines[0]["record"] == f"{logs.topic}-{home}-1"


async def test_position_that_is_not_in_the_log(logs: KafkaLogs, topic: PriceTopic) -> None:
    """A position that the log does not have is told, and reading goes on where it is sent to."""
    await asyncio.to_thread(topic.publish, Tick("A", "1"), Tick("A", "2"))
    identity = await logs.identity()
    home = home_partition("A", PARTITIONS)
    stream = RecordStream(logs.connection, topic.name, identity.topic_id_bytes, {home: 17}, lambda: None)
    try:
        with pytest.raises(OutOfRange) as gone:
            await first_of(stream)
        assert (gone.value.partition, gone.value.position) == (home, 17)

        stream.seek(home, 1)
        assert [record.offset for record in (await first_of(stream))[home]] == [1]
        assert stream.positions == {home: 2}
    finally:
        await stream.close()
