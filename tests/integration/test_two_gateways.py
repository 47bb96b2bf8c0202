"""Two gateways on one Kafka and one PostgreSQL are one ticker: what goes into either comes out of both, equal."""

from __future__ import annotations

import asyncio
import json
import secrets
import shutil
import statistics
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

import pytest
from confluent_kafka import Producer
from ticker.v1 import price_service_pb2, tick_pb2

from scripts.kafka_cluster.jars import fetch_jars, find_java
from tests.support.broker import Broker
from tests.support.deployments import PARTITIONS, POLL_SECONDS, Deployment, Place, deployment, until, until_known
from tests.support.figures import show_figure
from tests.support.history_join import SEVERAL_PAGES, STOCK, joined, publishing
from tests.support.oracle import truth_of
from tests.support.postgres import Postgres
from tests.support.price_topic import PriceTopic
from tests.support.processes import BIN, clean_environment
from tests.support.quotes import quoting
from tests.support.recorder import recording
from tests.support.validators import faults
from ticker_client import (
    NotFound,
    StockChanged,
    StockDeleted,
    StockJoined,
    StockLeft,
    Tick,
    TickerClient,
    Update,
    UpdateKind,
)

GRPCURL = shutil.which("grpcurl") or "grpcurl"
EFFECT_SECONDS = 1.0
QUOTES = 40
LATENCY_SAMPLES = 100
IDLE_MEDIAN_SECONDS = 0.05

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def place(broker: Broker, postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Return a topic prefix and a database for the gateways of this module."""
    database = f"two_{secrets.token_hex(4)}"
    postgres.create_database(database)
    folder = tmp_path_factory.mktemp("two")
    prefix = f"t{secrets.token_hex(4)}"
    yield Place(folder, broker.bootstrap_servers, postgres.url(database), prefix, PARTITIONS)
    postgres.drop_database(database)


@pytest.fixture(scope="module")
def pair(place: Place) -> Iterator[Deployment]:
    """Run two gateways and a sync server."""
    with deployment(place) as made:
        made.launch()
        made.wait()
        yield made


@pytest.fixture
def topic(pair: Deployment) -> PriceTopic:
    """Return the price topic of the gateways, as foreign programs see it."""
    return PriceTopic(pair.place.bootstrap_servers, pair.place.prefix, pair.place.partitions)


@pytest.fixture
async def stock_ids(pair: Deployment) -> tuple[str, ...]:
    """Create stocks that no other test uses, and which both gateways know."""
    mark = secrets.token_hex(3).upper()
    created = tuple(f"S{mark}{number}" for number in range(6))
    async with TickerClient(pair.gateways[0].target) as first, TickerClient(pair.gateways[1].target) as second:
        for stock_id in created:
            await first.create_stock(stock_id)
        await until_known(second, created, EFFECT_SECONDS)
    return created


@pytest.fixture
async def first(pair: Deployment) -> AsyncIterator[TickerClient]:
    """Return a client of the first gateway."""
    async with TickerClient(pair.gateways[0].target, user_id="ana") as client:
        yield client


async def test_history_joins_to_a_watch(pair: Deployment, first: TickerClient) -> None:
    """A program that reads stored bars and watches on has had each tick once, at either gateway, while ticks come."""
    targets = [gateway.target for gateway in pair.gateways]
    await first.create_stock(STOCK)
    async with TickerClient(targets[1]) as second:
        await until_known(second, [STOCK])
        async with publishing(targets[0]):
            deadline = time.monotonic() + 20
            while sum([bar.tick_count for bar in await second.bars(STOCK)]) < SEVERAL_PAGES:
                assert time.monotonic() < deadline, "not stored within 20 s"
                await asyncio.sleep(POLL_SECONDS)
            for target in targets:
                count, numbers = await joined(target, 500)
                assert count >= SEVERAL_PAGES
                assert numbers == list(range(count + 1, count + 501))


async def test_subscription_reaches_open_watch_at_other(
    pair: Deployment, first: TickerClient, stock_ids: tuple[str, ...]
) -> None:
    """Added, changed and removed at one gateway, a subscription takes effect within 1 s on a watch at the other."""
    stock_id, user_id = stock_ids[0], f"user-{stock_ids[0]}"
    await first.publish([Tick(stock_id, "12.50")])
    await first.add_stock(stock_ids[1], user_id=user_id, every_tick=True, always=True)
    async with recording(pair.gateways[1].target, user_id=user_id) as watch:
        moments = [time.monotonic()]
        await first.add_stock(stock_id, user_id=user_id, every_tick=True, always=True)
        joined = await watch.told(StockJoined, since=moments[0])
        shown = await watch.told(Update, since=moments[0], where=lambda update: update.stock_id == stock_id)
        moments.append(time.monotonic())
        await first.add_stock(stock_id, user_id=user_id, frequency=timedelta(seconds=1), always=True)
        changed = await watch.told(StockChanged, since=moments[1])
        again = await watch.told(Update, since=moments[1], where=lambda update: update.stock_id == stock_id)
        moments.append(time.monotonic())
        await first.remove_stocks(stock_id, user_id=user_id)
        left = await watch.told(StockLeft, since=moments[2])

    assert joined[1].stock.every_tick
    assert (shown[1].kind, shown[1].price_text) == (UpdateKind.SNAPSHOT, "12.50")
    assert changed[1].stock.frequency == timedelta(seconds=1)
    assert (again[1].kind, again[1].price_text) == (UpdateKind.SNAPSHOT, "12.50")
    assert left[1].stock_id == stock_id
    assert max(waited for waited, _ in (joined, shown, changed, again, left)) < EFFECT_SECONDS


async def test_stock_is_created_and_deleted_for_both(pair: Deployment, first: TickerClient) -> None:
    """A stock created at one gateway is published and watched at the other, and gone there when it is deleted."""
    stock_id = f"N{secrets.token_hex(4).upper()}"
    async with (
        TickerClient(pair.gateways[1].target) as second,
        recording(pair.gateways[1].target, "*", every_tick=True) as watch,
    ):
        created = time.monotonic()
        await first.create_stock(stock_id, name="New", currency="EUR")
        joined = await watch.told(StockJoined, since=created, where=lambda event: event.stock_id == stock_id)
        published = await second.publish([Tick(stock_id, "1.5")])
        await watch.told(Update, since=created, where=lambda update: update.stock_id == stock_id)
        deleted = time.monotonic()
        await first.delete_stock(stock_id)
        gone = await watch.told(StockDeleted, since=deleted, where=lambda event: event.stock_id == stock_id)
        with pytest.raises(NotFound):
            await second.publish([Tick(stock_id, "1.6")])

    assert (joined[1].stock.name, joined[1].stock.currency) == ("New", "EUR")
    assert published[0].sequence > 0
    assert max(joined[0], gone[0]) < EFFECT_SECONDS


async def test_ticks_of_all_sources_are_equal_on_both(
    pair: Deployment, topic: PriceTopic, stock_ids: tuple[str, ...]
) -> None:
    """Published at either gateway or written to the topic, ticks have one sequence and number on all watches."""
    one, other = (gateway.target for gateway in pair.gateways)
    every, often = {"every_tick": True}, {"frequency": timedelta(milliseconds=100)}
    foreign: list[tuple[str, str]] = []
    async with (
        recording(one, *stock_ids, **every) as every_one,
        recording(other, *stock_ids, **every) as every_other,
        recording(one, *stock_ids, **often) as often_one,
        recording(other, *stock_ids, **often) as often_other,
    ):
        async with quoting(one, stock_ids, 1) as first, quoting(other, stock_ids, 2) as second:
            for number in range(1, QUOTES):
                foreign += [(stock_id, f"{number}.3") for stock_id in stock_ids]
                await asyncio.to_thread(write_foreign, topic, foreign[-len(stock_ids) :])
        published = [*first.accepted, *second.accepted, *foreign]
        truth = await truth_of(topic)
        newest = {stock_id: truth[stock_id][-1].sequence for stock_id in stock_ids}
        watches = (every_one, every_other, often_one, often_other)
        for watch in watches:
            await until(lambda watch=watch: newest.items() <= last_of(watch.updates()).items(), "all has come")

    assert len(published) > 3 * QUOTES
    for watch in watches:
        assert faults(watch.history, published, truth) == []
        assert watch.dropped == 0
    assert [len(watch.updates()) for watch in watches[:2]] == [sum(len(truth[each]) for each in stock_ids)] * 2


async def test_console_producer_of_java_is_a_source(
    pair: Deployment, topic: PriceTopic, stock_ids: tuple[str, ...]
) -> None:
    """Kafka's own console producer, with its default partitioner, brings prices to watches at both gateways."""
    prices = [(stock_id, f"{number}.75") for number in range(1, 4) for stock_id in stock_ids]
    async with (
        recording(pair.gateways[0].target, *stock_ids, every_tick=True) as one,
        recording(pair.gateways[1].target, *stock_ids, every_tick=True) as other,
    ):
        await asyncio.to_thread(write_with_java, topic, prices)
        truth = await truth_of(topic)
        for watch in (one, other):
            await until(lambda watch=watch: len(watch.updates()) == len(prices), "all has come")

    for watch in (one, other):
        assert faults(watch.history, prices, truth) == []


@pytest.mark.grpcurl
async def test_grpcurl_works_against_either(pair: Deployment, first: TickerClient, stock_ids: tuple[str, ...]) -> None:
    """What grpcurl adds at one gateway, a watch at the other follows, and grpcurl watches it there."""
    stock_id, user_id = stock_ids[0], f"curl-{stock_ids[0]}"
    await first.publish([Tick(stock_id, "20.5")])
    wish = json.dumps({"user_id": user_id, "stock_id": stock_id, "every_tick": True, "always": True})
    method = "ticker.v1.SubscriptionService/AddStock"
    added = json.loads(await output_of(GRPCURL, "-plaintext", "-d", wish, pair.gateways[1].target, method))
    what = json.dumps({"user_ids": [user_id]})
    watching = await asyncio.create_subprocess_exec(
        *(GRPCURL, "-plaintext", "-d", what, pair.gateways[0].target, "ticker.v1.WatchService/WatchStocks"),
        stdout=asyncio.subprocess.PIPE,
    )
    assert watching.stdout is not None
    message = ""
    async with asyncio.timeout(30):
        while not message.endswith("\n}\n"):
            message += (await watching.stdout.readline()).decode()
    watching.terminate()
    await watching.wait()

    assert added["created"] is True
    assert json.loads(message)["updates"][0]["price"] == "20.5"


async def test_cli_works_against_either(pair: Deployment, first: TickerClient, stock_ids: tuple[str, ...]) -> None:
    """What is published through one gateway, `ticker watch` at the other shows."""
    stock_id = stock_ids[0]
    await first.publish([Tick(stock_id, "20.5")])
    arguments = ("--target", pair.gateways[1].target, "--json", "watch", stock_id, "--every-tick", "--count", "3")
    following = asyncio.create_task(output_of(BIN / "ticker", *arguments))
    number = 0
    while not following.done():
        number += 1
        await first.publish([Tick(stock_id, f"21.{number}")])
        await asyncio.wait([following], timeout=0.1)
    lines = [json.loads(line) for line in (await following).splitlines()]
    numbers = [line["tick_number"] for line in lines if "price" in line]

    assert len(numbers) == 3
    assert numbers == list(range(numbers[0], numbers[0] + 3))


async def test_latency_when_idle(pair: Deployment, stock_ids: tuple[str, ...], record_property: Any) -> None:
    """A price is with the SDK at the other gateway a few milliseconds after it was published."""
    async with (
        recording(pair.gateways[1].target, *stock_ids, every_tick=True) as watch,
        pair.gateways[0].stubs() as stubs,
    ):
        sent: dict[str, float] = {}
        for number in range(1, LATENCY_SAMPLES + 1):
            tick = tick_pb2.Tick(stock_id=stock_ids[number % len(stock_ids)], price=f"{number}.5")
            sent[tick.price] = time.monotonic()
            await stubs.prices.PublishPrices(price_service_pb2.PublishPricesRequest(ticks=[tick]))
            await watch.told(Update, where=lambda update, price=tick.price: update.price_text == price)
    took = [at - sent[update.price_text] for at, update in watch.since(0, Update) if update.price_text in sent]
    median = statistics.median(took)
    record_property("publish_to_sdk_median_ms", round(median * 1000, 2))
    show_figure("publish to SDK through Kafka when idle, median", median * 1000, unit="ms")

    assert len(took) == LATENCY_SAMPLES
    assert median < IDLE_MEDIAN_SECONDS


def write_foreign(topic: PriceTopic, prices: list[tuple[str, str]]) -> None:
    """Write prices to the topic as a program without our SDK does, whose client finds the partition by itself."""
    producer = Producer({**topic.options, "partitioner": "murmur2_random", "linger.ms": 1})
    for stock_id, price in prices:
        producer.produce(topic.name, tick_pb2.Tick(stock_id=stock_id, price=price).SerializeToString(), stock_id)
    assert producer.flush(30) == 0


def write_with_java(topic: PriceTopic, prices: list[tuple[str, str]]) -> None:
    """Write prices to the topic with Kafka's console producer, which takes lines of text."""
    done = subprocess.run(
        [
            *(find_java(), "-cp", fetch_jars() / "*", "org.apache.kafka.tools.ConsoleProducer"),
            *("--bootstrap-server", topic.connection.bootstrap_servers, "--topic", topic.name),
            *("--reader-property", "parse.key=true", "--reader-property", "key.separator=|"),
        ],
        input=b"".join(stock_id.encode() + b"|" + as_text(stock_id, price) + b"\n" for stock_id, price in prices),
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()


def as_text(stock_id: str, price: str) -> bytes:
    r"""Return the bytes of a Tick that are one line of UTF-8, although the tag of `stock_id` is a line feed.

    Written in two bytes, 8a 00, the tag is none. 8a continues a character that the field before it begins, which has
    a number that nobody knows (13) and four bytes.
    """
    value = b"mabc\xc2" + b"\x8a\x00" + bytes([len(stock_id)]) + stock_id.encode()
    value += b"\x12" + bytes([len(price)]) + price.encode()
    assert tick_pb2.Tick.FromString(value).stock_id == stock_id
    assert b"\n" not in value
    assert value.decode()
    return value


def last_of(updates: list[Update]) -> dict[str, int]:
    """Return the last sequence that was told of each stock."""
    return {update.stock_id: update.sequence for update in updates}


async def output_of(program: Any, *arguments: str) -> str:
    """Run a program to its end, which must be a good one, and return its output."""
    process = await asyncio.create_subprocess_exec(
        program,
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=clean_environment(),
    )
    async with asyncio.timeout(30):
        output, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    return output.decode()
