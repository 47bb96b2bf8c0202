"""What the price log in Kafka does beyond the contract: topics that are replaced, brokers that die or hang."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.support.broker import Broker, running_broker
from tests.support.log_reader import LogReader, reading
from tests.support.price_logs import KafkaLogs, instant_read_through, published_by
from tests.support.price_topic import PriceTopic
from tests.support.transaction import Transaction
from ticker_server.clock import SystemClock
from ticker_server.errors import PriceLogUnavailable
from ticker_server.feed.kafka.log import KafkaLog, LogReplaced
from ticker_server.feed.log import Outcome
from ticker_server.model.partition import home_partition
from ticker_server.model.tick import Tick

PARTITIONS = KafkaLogs.partitions
SECOND = 1_000_000_000


def replace(topic: PriceTopic, ticks: int) -> None:
    """Delete the topic, make it anew at once, and fill it past whatever was in the old one."""
    topic.delete()
    topic.create()
    topic.publish(*(Tick(f"NEW{number % 50}", "9") for number in range(ticks)))


@asynccontextmanager
async def dedicated(tmp_path: Path) -> AsyncIterator[tuple[Broker, KafkaLogs]]:
    """Run a broker of the test's own, with an empty price log."""
    async with running_broker(tmp_path / "kafka") as broker:
        logs = KafkaLogs(broker.bootstrap_servers, "own", SystemClock())
        await logs.identity()
        yield broker, logs
        await logs.close()


class Publisher:
    """Publishes ticks of a few stocks, one call after the other, and keeps the outcomes by price."""

    def __init__(self, log: KafkaLog) -> None:
        self.accepted: dict[str, int] = {}
        self.seen: list[str] = []
        self._log = log
        self._number = 0

    async def run(self) -> None:
        """Publish until cancelled."""
        while True:
            self._number += 1
            tick = Tick(f"S{self._number % 7}", str(self._number))
            try:
                (published,) = await self._log.publish([tick])
            except PriceLogUnavailable:
                self._see("unavailable")
                await asyncio.sleep(0.05)
            else:
                self._see(published.outcome.name)
                if published.outcome is Outcome.ACCEPTED:
                    self.accepted[tick.price] = published.sequence

    def _see(self, what: str) -> None:
        if not self.seen or self.seen[-1] != what:
            self.seen.append(what)


def assert_exact(reader: LogReader, publisher: Publisher) -> None:
    """Every accepted tick was read once, in order, with contiguous numbers."""
    prices = [tick.price for tick in reader.ticks]
    assert len(prices) == len(set(prices)), "a tick was read twice"
    assert not set(publisher.accepted) - set(prices), "an accepted tick was not read"
    by_stock: dict[str, list[tuple[int, int]]] = {}
    for tick in reader.ticks:
        by_stock.setdefault(tick.stock_id, []).append((tick.sequence, tick.tick_number))
        assert publisher.accepted.get(tick.price, tick.sequence) == tick.sequence
    for numbered in by_stock.values():
        assert [number for _, number in numbered] == list(range(1, len(numbered) + 1))
        assert numbered == sorted(numbered)


@pytest.mark.parametrize("frozen", [False, True])
async def test_topic_replaced_while_open(logs: KafkaLogs, topic: PriceTopic, frozen: bool) -> None:  # noqa: FBT001
    """Nothing of a new topic under the old name is read or written, also if the process stood still meanwhile."""
    log = await logs.open()
    old_epoch = log.epoch
    await log.publish([Tick(f"OLD{number}", "1") for number in range(100)])
    async with reading(log) as reader:
        await reader.until(lambda: len(reader.ticks) == 100)
        publisher = Publisher(log)
        publishing = asyncio.create_task(publisher.run())
        await reader.until(lambda: len(reader.ticks) > 110)

        if frozen:
            replace(topic, 400)  # in the event loop, which stands still for it
        else:
            await asyncio.to_thread(replace, topic, 400)

        with pytest.raises(LogReplaced):
            await asyncio.wait_for(logs.run, 10)
        with pytest.raises(PriceLogUnavailable):
            await log.publish([Tick("OLD1", "2")])
        publishing.cancel()
        assert not [tick for tick in reader.ticks if tick.stock_id.startswith("NEW")]

    new = await logs.open()
    stocks = {numbering.newest.stock_id for numbering in new.snapshot().numberings}
    assert new.epoch != old_epoch
    assert stocks == {f"NEW{number}" for number in range(50)}, "nothing was published under the old epoch"


async def test_topic_deleted_and_not_made_again(logs: KafkaLogs, topic: PriceTopic) -> None:
    """A topic that is gone is not replaced yet: nothing is taken, the log does not answer; then it is."""
    log = await logs.open()
    await log.publish([Tick("A", "1")])
    async with reading(log) as reader:
        await reader.until(lambda: len(reader.ticks) == 1)
        await asyncio.to_thread(topic.delete)
        with pytest.raises(PriceLogUnavailable):
            await log.publish([Tick("A", "2")])
        asked = log.answered()
        done, _ = await asyncio.wait({logs.run}, timeout=1)
        assert not done
        assert log.answered() <= asked + SECOND // 2

        await asyncio.to_thread(topic.create)
        with pytest.raises(LogReplaced):
            await asyncio.wait_for(logs.run, 10)


async def test_topic_replaced_between_identity_and_open(logs: KafkaLogs, topic: PriceTopic) -> None:
    """A log is not opened on another topic than that of its identity."""
    identity = await logs.identity()
    await asyncio.to_thread(replace, topic, 5)
    log = KafkaLog(logs.connection, logs.topic, identity, SystemClock())

    with pytest.raises(LogReplaced):
        await log.open(None)
    await log.close()


async def test_broker_killed_while_publishing(tmp_path: Path) -> None:
    """A broker that is killed and started again costs no accepted tick; reading and publishing go on by themselves."""
    async with dedicated(tmp_path) as (broker, logs):
        log = await logs.open()
        async with reading(log) as reader:
            publisher = Publisher(log)
            publishing = asyncio.create_task(publisher.run())
            await reader.until(lambda: len(reader.ticks) > 50)
            before = set(publisher.accepted)
            await broker.kill()
            killed = time.monotonic_ns()
            await asyncio.sleep(3.5)
            down_since = log.answered()
            await broker.start()
            await broker.accepts()
            back = time.monotonic()
            await reader.until(lambda: bool(publisher.accepted.keys() - before), 10)
            await instant_read_through(log, reader.positions, time.time_ns() - SECOND)
            recovery = time.monotonic() - back
            publishing.cancel()
            await asyncio.gather(publishing, return_exceptions=True)
            wanted = dict(publisher.accepted)
            await reader.until(lambda: wanted.keys() <= {tick.price for tick in reader.ticks})

            assert_exact(reader, publisher)
            assert down_since <= killed + SECOND, "it was told within 3 s that the log does not answer"
            assert recovery < 10
            assert "unavailable" in publisher.seen
            assert not logs.run.done()


@pytest.mark.timeout(90)
async def test_broker_frozen_while_publishing(tmp_path: Path) -> None:
    """A broker that hangs is waited for: publishes answer UNKNOWN, then fail at once, and afterwards all is exact."""
    async with dedicated(tmp_path) as (broker, logs):
        log = await logs.open(answer_seconds=1.0)
        async with reading(log) as reader:
            publisher = Publisher(log)
            publishing = asyncio.create_task(publisher.run())
            await reader.until(lambda: len(reader.ticks) > 50)
            broker.freeze()
            await asyncio.sleep(6)
            started = time.monotonic()
            with pytest.raises(PriceLogUnavailable):
                await log.publish([Tick("X", "1")])
            assert time.monotonic() - started < 0.5
            assert time.monotonic_ns() - log.answered() > 3 * SECOND
            before = len(publisher.accepted)
            broker.thaw()
            await reader.until(lambda: len(publisher.accepted) > before + 20, 10)
            publishing.cancel()
            await asyncio.gather(publishing, return_exceptions=True)
            wanted = dict(publisher.accepted)
            await reader.until(lambda: wanted.keys() <= {tick.price for tick in reader.ticks})

            assert_exact(reader, publisher)
            assert publisher.seen[:3] == ["ACCEPTED", "UNKNOWN", "unavailable"]


async def test_stop_with_a_frozen_broker(tmp_path: Path) -> None:
    """A log is stopped and closed in a bounded time, also while its broker does not answer and ticks are under way."""
    async with dedicated(tmp_path) as (broker, logs):
        log = await logs.open(answer_seconds=0.5)
        await log.publish([Tick("A", "1")])
        async with reading(log) as reader:
            await reader.until(lambda: len(reader.ticks) == 1)
            broker.freeze()
            (published,) = await log.publish([Tick("A", "2")])
            assert published.outcome is Outcome.UNKNOWN
            started = time.monotonic()
            log.stop()
            await logs.run
            await log.close()
            assert time.monotonic() - started < 12
        broker.thaw()


async def test_publish_that_is_cancelled(logs: KafkaLogs) -> None:
    """A publish that is cancelled leaves nothing behind: what comes after it is answered as ever."""
    log = await logs.open()
    cancelled = asyncio.create_task(log.publish([Tick("A", "1")] * 2_000))
    await asyncio.sleep(0)
    cancelled.cancel()
    await asyncio.gather(cancelled, return_exceptions=True)

    assert [each.outcome for each in await log.publish([Tick("A", "2")])] == [Outcome.ACCEPTED]


async def test_too_much_is_waiting(logs: KafkaLogs) -> None:
    """What waits for Kafka is bounded: a publish beyond it is refused, and nothing of it is taken."""
    log = await logs.open()

    with pytest.raises(PriceLogUnavailable):
        await log.publish([Tick("A", "1")] * 100_001)

    (published,) = await log.publish([Tick("A", "2")])
    assert published.sequence == 1


async def test_publish_after_stop(logs: KafkaLogs) -> None:
    """A log that was stopped takes nothing more."""
    log = await logs.open()
    log.stop()

    with pytest.raises(PriceLogUnavailable):
        await log.publish([Tick("A", "1")])
    await asyncio.wait_for(logs.run, 10)


async def test_idle_log_is_read_through(logs: KafkaLogs) -> None:
    """The instant through which an idle log was read goes on, within a second of the clock."""
    log = await logs.open()
    async with reading(log) as reader:
        told = await instant_read_through(log, reader.positions, time.time_ns())
        assert told <= time.time_ns()
        assert log.read_through({0: 0}) <= log.read_through(reader.positions)


async def test_open_transaction_holds_what_is_read_through(logs: KafkaLogs, topic: PriceTopic) -> None:
    """Ticks that wait behind a transaction of another program were accepted, so nothing says they were read."""
    log = await logs.open()
    home = home_partition("A", PARTITIONS)
    transaction = Transaction(topic)
    async with reading(log) as reader:
        await asyncio.to_thread(transaction.write, Tick("A", "1"))
        (published,) = await log.publish(published_by("p", 1, stock_id="A"))
        asked = time.time_ns() + SECOND
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(2):
                await instant_read_through(log, {**reader.positions, home: 0}, asked)
        assert reader.ticks == []

        await asyncio.to_thread(transaction.abort)
        await reader.until(lambda: len(reader.ticks) == 1)
        assert (reader.ticks[0].sequence, reader.ticks[0].tick_number) == (published.sequence, 1)
        await instant_read_through(log, reader.positions, asked)


async def test_readers_end_with_the_log(logs: KafkaLogs) -> None:
    """A log that is closed ends its readers."""
    log = await logs.open()
    reader = log.read({})
    await log.publish([Tick("A", "1")])
    await anext(reader)

    await log.close()

    with pytest.raises(PriceLogUnavailable):
        await anext(reader)
