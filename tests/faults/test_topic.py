"""What others do to the price topic: records that are no ticks, more partitions, and another topic of the same name."""

from __future__ import annotations

import asyncio
import secrets
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic
from google.protobuf.timestamp_pb2 import Timestamp
from ticker.v1 import tick_pb2, watch_service_pb2

from tests.support.deployments import Deployment, Place, deployment, until, until_known
from tests.support.evidence import Evidence
from tests.support.oracle import Truth, truth_of
from tests.support.price_topic import LogFold, PriceTopic
from tests.support.quotes import quoting
from tests.support.recorder import Recorder, epochs, recording, went_away
from tests.support.sync_state import assert_exact, read_stored, wait_until_stored
from tests.support.validators import faults, out_of_order, unconverged, untrue
from ticker_client import Gap, GapReason, Opened, Tick, TickerClient, Update
from ticker_server.feed.kafka.topics import price_topic
from ticker_server.model.partition import home_partition
from ticker_server.model.tick import Tick as LogTick

WAIT_SECONDS = 30.0
STOCKS = 6
MORE_PARTITIONS = 8
OLD_TICKS = 30
NEW_TICKS = 90

pytestmark = pytest.mark.timeout(180)


@dataclass
class Foreign:
    """A program of somebody else that writes to the topic, and remembers where each record came to stand."""

    topic: PriceTopic
    places: dict[str, list[str]] = field(default_factory=dict)
    """By what it is, the places of records that are to be skipped, as `topic-partition-offset`."""

    def __post_init__(self) -> None:
        self._producer = Producer({**self.topic.options, "linger.ms": 1})

    def write(self, what: str, partition: int, key: bytes | None, value: bytes | None) -> None:
        """Write a record that is to be skipped for a reason."""

        def note(error: Any, message: Any) -> None:
            assert error is None, error
            place = f"{message.topic()}-{message.partition()}-{message.offset()}"
            self.places.setdefault(what, []).append(place)

        self._producer.produce(self.topic.name, value, key, partition, on_delivery=note)
        assert self._producer.flush(WAIT_SECONDS) == 0

    def write_wrong(self, stock_id: str) -> None:
        """Write one record of every kind that is no tick, around a stock."""
        home = home_partition(stock_id, self.topic.partitions)
        key, good = stock_id.encode(), tick_pb2.Tick(stock_id=stock_id, price="66.6")
        far = tick_pb2.Tick(stock_id=stock_id, price="66.6", trade_time=Timestamp(seconds=int(time.time()) + 3600))
        negative = tick_pb2.Tick(stock_id=stock_id, price="-66.6")
        large = tick_pb2.Tick(stock_id=stock_id, price="66.6", size="1" * 5000)
        self.write("malformed", home, key, b"\xff\xff no tick")
        self.write("malformed", home, key, negative.SerializeToString())
        self.write("too_large", home, key, large.SerializeToString())
        self.write("tombstone", home, key, None)
        self.write("wrong_key", home, b"OTHER", good.SerializeToString())
        self.write("wrong_key", home, None, good.SerializeToString())
        self.write("wrong_key", home, b"\xff", good.SerializeToString())
        self.write("wrong_partition", (home + 1) % self.topic.partitions, key, good.SerializeToString())
        self.write("future_trade_time", home, key, far.SerializeToString())

    def abort(self, stock_id: str) -> None:
        """Write ticks in a transaction that is aborted."""
        producer = Producer({**self.topic.options, "transactional.id": f"aborted-{secrets.token_hex(4)}"})
        producer.init_transactions(WAIT_SECONDS)
        producer.begin_transaction()
        home = home_partition(stock_id, self.topic.partitions)
        for price in ("77.1", "77.2"):
            value = tick_pb2.Tick(stock_id=stock_id, price=price).SerializeToString()
            producer.produce(self.topic.name, value, stock_id.encode(), home)
        assert producer.flush(WAIT_SECONDS) == 0
        producer.abort_transaction(WAIT_SECONDS)


async def test_foreign_records_are_skipped(place: Place, topic: PriceTopic, evidence: Evidence) -> None:
    """What is no tick is told with its place and skipped; all else flows, and numbers are equal before and after starts."""
    with deployment(place) as servers:
        for gateway in servers.gateways:
            gateway.launch()
        servers.protect()
        await asyncio.gather(*(asyncio.to_thread(gateway.wait) for gateway in servers.gateways))
        stock_ids = await new_stocks(servers)
        unknown = f"U{secrets.token_hex(4).upper()}"
        foreign = Foreign(topic)
        one, other = (gateway.target for gateway in servers.gateways)
        async with (
            recording(one, *stock_ids, every_tick=True) as first,
            recording(other, *stock_ids, every_tick=True) as second,
        ):
            evidence.histories |= {"first": first.history, "second": second.history}
            async with quoting(one, stock_ids, 1) as quotes:
                for stock_id in stock_ids[:2]:
                    await quotes.go_on(20)
                    await asyncio.to_thread(foreign.write_wrong, stock_id)
                    await asyncio.to_thread(foreign.abort, stock_id)
                    await asyncio.to_thread(topic.publish, LogTick(unknown, "1.5"), LogTick(unknown, "2.5"))
            truth = evidence.truth = await truth_of(topic)
            for watch in (first, second):
                await until(lambda watch=watch: not unconverged(watch.history, truth, stock_ids), "all has come")
        for gateway in servers.gateways:
            for reason, places in foreign.places.items():
                for record in places:
                    await gateway.logs("record skipped", reason=reason, record=record)
        assert sum(map(len, foreign.places.values())) == len(servers.gateways[0].log("record skipped"))
        for watch in (first, second):
            assert faults(watch.history, quotes.accepted, truth) == []
        async with TickerClient(one) as client:
            await client.create_stock(unknown)
        await until_equal(servers, truth, [*stock_ids, unknown])
        assert len(truth[unknown]) == 4

        await restart_gateways(servers, signal.SIGKILL)
        await until_equal(servers, await truth_of(topic), [*stock_ids, unknown])
        await servers.syncs[0].start()
        await wait_until_stored(place.database_url, topic)
        await asyncio.to_thread(foreign.write_wrong, stock_ids[2])
        await asyncio.to_thread(topic.publish, LogTick(stock_ids[2], "3.25"))
        await restart_gateways(servers, signal.SIGTERM)
        await until_equal(servers, await truth_of(topic), [*stock_ids, unknown])
        await wait_until_stored(place.database_url, topic)
        await asyncio.to_thread(assert_exact, place.database_url, LogFold(topic))


async def test_partitions_are_added(place: Place, topic: PriceTopic, evidence: Evidence) -> None:
    """An admin who adds partitions under load moves nothing of ours; it is told as an error, and what strays too."""
    with deployment(place, syncs=0) as servers:
        await servers.start()
        stock_ids = await new_stocks(servers)
        one, other = (gateway.target for gateway in servers.gateways)
        async with (
            recording(one, *stock_ids, every_tick=True) as first,
            recording(other, *stock_ids, every_tick=True) as second,
        ):
            evidence.histories |= {"first": first.history, "second": second.history}
            async with quoting(one, stock_ids, 1) as quotes, quoting(other, stock_ids, 2) as more:
                await until(lambda: len(quotes.accepted) > 50, "prices flow")
                await asyncio.to_thread(topic.add_partitions, MORE_PARTITIONS)
                for gateway in servers.gateways:
                    await gateway.logs(
                        "topic has more partitions than are used; whatever is written to them is skipped",
                        level="error",
                        has=MORE_PARTITIONS,
                        used=place.partitions,
                    )
                stray = Foreign(topic)
                value = tick_pb2.Tick(stock_id=stock_ids[0], price="9").SerializeToString()
                await asyncio.to_thread(
                    stray.write, "wrong_partition", MORE_PARTITIONS - 1, stock_ids[0].encode(), value
                )
                for gateway in servers.gateways:
                    await gateway.logs(
                        "record skipped", reason="wrong_partition", record=stray.places["wrong_partition"][0]
                    )
                await quotes.go_on(100)
            truth = evidence.truth = await truth_of(topic)
            for watch in (first, second):
                await until(lambda watch=watch: not unconverged(watch.history, truth, stock_ids), "all has come")
        for watch in (first, second):
            assert faults(watch.history, [*quotes.accepted, *more.accepted], truth) == []
            assert (watch.streams, watch.dropped) == (1, 0)


async def test_topic_is_replaced_while_gateways_run(place: Place, topic: PriceTopic, evidence: Evidence) -> None:
    """Gateways notice another topic of the same name by themselves, and never tell its ticks as the old one's."""
    with deployment(place) as servers:
        await servers.start()
        stock_ids = await new_stocks(servers)
        old = await old_life(servers, topic, stock_ids)
        async with (
            recording(servers.gateways[0].target, *stock_ids, every_tick=True, reopens=True) as first,
            recording(servers.gateways[1].target, *stock_ids, every_tick=True, reopens=True) as second,
        ):
            evidence.histories |= {"first": first.history, "second": second.history}
            await asyncio.to_thread(replace, topic)
            await asyncio.to_thread(fill, topic, stock_ids)
            new = await truth_of(topic)
            for watch in (first, second):
                await until(lambda watch=watch: newest_came(watch, new, stock_ids), "the new topic's ticks come")
        for watch in (first, second):
            assert len(epochs(watch.history)) == 2
            assert went_away(watch.history)
            assert out_of_order(watch.history) == []
            assert mixed(watch, old.truth, new) == []
        for gateway in servers.gateways:
            assert gateway.log("starting anew")
            assert gateway.pid is not None
        await check_new_life(servers, topic, old, stock_ids)


async def test_topic_is_replaced_while_gateways_are_stopped(place: Place, topic: PriceTopic) -> None:
    """Gateways that start over another topic of the same name use nothing that was stored of the old one."""
    with deployment(place) as servers:
        await servers.start()
        stock_ids = await new_stocks(servers)
        old = await old_life(servers, topic, stock_ids)
        await servers.stop()
        await asyncio.to_thread(replace, topic)
        await asyncio.to_thread(fill, topic, stock_ids)
        await servers.start()
        await check_new_life(servers, topic, old, stock_ids)


@dataclass
class OldLife:
    """What was known of a topic before it was replaced."""

    epoch: str
    truth: Truth
    ordinal: int


async def old_life(servers: Deployment, topic: PriceTopic, stock_ids: Sequence[str]) -> OldLife:
    """Publish ticks, and wait until they are stored."""
    async with TickerClient(servers.gateways[0].target) as client:
        for number in range(1, OLD_TICKS + 1):
            await client.publish([Tick(stock_id, f"{number}.1") for stock_id in stock_ids])
        epoch = (await client.latest(*stock_ids)).log_epoch
    await wait_until_stored(servers.place.database_url, topic)
    return OldLife(epoch, await truth_of(topic), read_stored(servers.place.database_url).ordinal)


async def check_new_life(servers: Deployment, topic: PriceTopic, old: OldLife, stock_ids: Sequence[str]) -> None:
    """Check that gateways and database follow the new topic, and that readers of the old one are told."""
    new = await truth_of(topic)
    assert all(new[stock_id][-1].sequence > old.truth[stock_id][-1].sequence for stock_id in stock_ids)
    await until_equal(servers, new, stock_ids)
    for gateway in servers.gateways:
        await check_resume(gateway, old, new, stock_ids[0])
    await wait_until_stored(servers.place.database_url, topic)
    stored = await asyncio.to_thread(assert_exact, servers.place.database_url, LogFold(topic))
    assert stored.ordinal > old.ordinal
    assert set(stored.prices) == set(stock_ids)


async def check_resume(gateway: Any, old: OldLife, new: Truth, stock_id: str) -> None:
    """Check that who resumes where the old topic ended is told first that it is another one, and then its newest."""
    last = old.truth[stock_id][-1]
    position = watch_service_pb2.Position(stock_id=stock_id, sequence=last.sequence, tick_number=last.tick_number)
    resume = watch_service_pb2.Resume(log_epoch=old.epoch, positions=[position])
    async with gateway.stubs() as stubs, stubs.watch(stock_ids=[stock_id], every_tick=True, resume=resume) as stream:
        await stream.caught_up()
    gaps = [(at, gap) for at, message in enumerate(stream.messages) for gap in message.gaps]
    updates = [(at, update) for at, message in enumerate(stream.messages) for update in message.updates]
    assert stream.messages[0].opened.log_epoch not in {"", old.epoch}
    assert [gap.reason for _, gap in gaps] == [watch_service_pb2.GAP_REASON_LOG_REPLACED]
    assert gaps[0][0] <= updates[0][0]
    assert (updates[0][1].sequence, updates[0][1].price) == (new[stock_id][-1].sequence, new[stock_id][-1].price)


async def new_stocks(servers: Deployment) -> tuple[str, ...]:
    """Create stocks, and wait until all gateways know them."""
    created = tuple(f"S{secrets.token_hex(3).upper()}{number}" for number in range(STOCKS))
    async with TickerClient(servers.gateways[0].target) as client:
        for stock_id in created:
            await client.create_stock(stock_id)
    for gateway in servers.gateways:
        async with TickerClient(gateway.target) as client:
            await until_known(client, created)
    return created


async def restart_gateways(servers: Deployment, number: int) -> None:
    """End both gateways and start them again."""
    await asyncio.gather(*(gateway.end(number) for gateway in servers.gateways))
    await asyncio.gather(*(gateway.start() for gateway in servers.gateways))
    servers.protect()


async def until_equal(servers: Deployment, truth: Truth, stock_ids: Sequence[str]) -> None:
    """Wait until all gateways say of each stock what the log says: newest price, sequence and number."""
    wanted = {stock_id: facts(truth[stock_id][-1]) for stock_id in stock_ids}
    for gateway in servers.gateways:
        async with TickerClient(gateway.target) as client:
            deadline = time.monotonic() + WAIT_SECONDS
            while True:
                latest = {price.stock_id: facts(price) for price in (await client.latest(*stock_ids)).prices}
                if latest == wanted:
                    break
                assert time.monotonic() < deadline, (gateway.name, latest, wanted)
                await asyncio.sleep(0.05)


def facts(tick: Any) -> tuple[int, int, str]:
    """Return what must be equal everywhere."""
    return tick.sequence, tick.tick_number, getattr(tick, "price_text", None) or tick.price


def replace(topic: PriceTopic) -> None:
    """Delete a topic and make another one of the same name, unless a gateway is quicker."""
    admin = AdminClient(topic.options)
    topic.delete()
    plan = price_topic(topic.prefix, topic.partitions)
    deadline = time.monotonic() + WAIT_SECONDS
    while topic.name in admin.list_topics(timeout=WAIT_SECONDS).topics:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    made = admin.create_topics([NewTopic(plan.name, plan.partitions, 1, config=dict(plan.config))])
    made[plan.name].exception(WAIT_SECONDS)


def fill(topic: PriceTopic, stock_ids: Sequence[str]) -> None:
    """Write more ticks to the new topic than the old one had."""
    deadline = time.monotonic() + WAIT_SECONDS
    while topic.name not in AdminClient(topic.options).list_topics(timeout=WAIT_SECONDS).topics:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    writer = PriceTopic(topic.connection.bootstrap_servers, topic.prefix, topic.partitions)
    writer.publish(*(LogTick(stock_id, f"{number}.2") for number in range(1, NEW_TICKS + 1) for stock_id in stock_ids))


def newest_came(watch: Recorder, truth: Truth, stock_ids: Sequence[str]) -> bool:
    """Tell whether a watch has the newest of all stocks, in its second epoch."""
    return len(epochs(watch.history)) > 1 and not unconverged(watch.history, truth, stock_ids)


def mixed(watch: Recorder, old: Truth, new: Truth) -> list[str]:
    """Return what a watch told under an epoch that it is not of."""
    wrong: list[str] = []
    truths = dict(zip(epochs(watch.history), (old, new), strict=True))
    epoch = ""
    for seen in watch.history:
        if isinstance(seen.event, Opened):
            epoch = seen.event.log_epoch
        elif isinstance(seen.event, Update):
            wrong += untrue([seen], truths[epoch])
        elif isinstance(seen.event, Gap) and seen.event.reason is not GapReason.LOG_REPLACED:
            wrong.append(str(seen.event))
    return wrong
