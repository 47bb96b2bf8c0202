"""Resume and replay across gateways and their restarts, over a real Kafka and a real PostgreSQL."""

from __future__ import annotations

import asyncio
import secrets
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from ticker.v1 import price_service_pb2, tick_pb2

from tests.support.broker import Broker
from tests.support.deployments import PARTITIONS, Deployment, Place, deployment, until_known
from tests.support.oracle import Truth, truth_of
from tests.support.postgres import Postgres
from tests.support.price_topic import PriceTopic
from tests.support.sync_state import wait_for_stored
from ticker_client import CaughtUp, Gap, GapReason, Position, Resume, TickerClient, Update
from ticker_server.model.partition import home_partition

STOCKS = ("RA", "RB", "RC", "RD")
TICKS = 400

pytestmark = pytest.mark.timeout(120)


@contextmanager
def running(broker: Broker, postgres: Postgres, folder: Path) -> Iterator[Deployment]:
    """Run two gateways and a sync server, on a topic of their own."""
    database = f"resume_{secrets.token_hex(4)}"
    postgres.create_database(database)
    prefix = f"t{secrets.token_hex(4)}"
    place = Place(folder, broker.bootstrap_servers, postgres.url(database), prefix, PARTITIONS)
    with deployment(place) as made:
        made.launch()
        made.wait()
        yield made
    postgres.drop_database(database)


@dataclass(frozen=True)
class Past:
    """Servers that were started after all that their log holds."""

    servers: Deployment
    truth: Truth
    epoch: str


@pytest.fixture(scope="module")
def past(broker: Broker, postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Past]:
    """Publish, and start the servers anew."""
    with running(broker, postgres, tmp_path_factory.mktemp("resume")) as servers:

        async def publish_and_restart() -> Past:
            truth = await publish(servers)
            epoch = await epoch_of(servers.gateways[0].target)
            await restart(servers)
            return Past(servers, truth, epoch)

        yield asyncio.run(publish_and_restart())


async def publish(pair: Deployment) -> Truth:
    """Publish ticks through both gateways, some twice, and return what the log accepts of them."""
    async with TickerClient(pair.gateways[0].target) as client:
        for stock_id in STOCKS:
            await client.create_stock(stock_id)
    for gateway in pair.gateways:
        async with TickerClient(gateway.target) as client:
            await until_known(client, STOCKS)
    for start in range(1, TICKS + 1, 50):
        async with pair.gateways[start % 2].stubs() as stubs:
            ticks = [
                tick_pb2.Tick(stock_id=stock_id, price=str(number), publisher_id="p", publisher_sequence=number)
                for number in range(max(1, start - 5), start + 50)
                for stock_id in STOCKS
            ]
            await stubs.prices.PublishPrices(price_service_pb2.PublishPricesRequest(ticks=ticks))
    truth = await truth_of(topic_of(pair))
    assert {stock_id: len(ticks) for stock_id, ticks in truth.items()} == dict.fromkeys(STOCKS, TICKS)
    return truth


def topic_of(pair: Deployment) -> PriceTopic:
    """Return the price topic, as foreign programs see it."""
    return PriceTopic(pair.place.bootstrap_servers, pair.place.prefix, pair.place.partitions)


def after(truth: Truth, number: int, epoch: str) -> Resume:
    """Return where a reader stands that has had so many ticks of each stock."""
    positions = [
        Position(stock_id, ticks[number - 1].sequence, ticks[number - 1].tick_number)
        for stock_id, ticks in truth.items()
    ]
    return Resume(epoch, tuple(positions))


async def epoch_of(target: str) -> str:
    """Return the epoch of the log."""
    async with TickerClient(target) as client, client.watch(*STOCKS) as watch:
        return watch.opened.log_epoch


async def resumed(target: str, resume: Resume) -> list[Update | Gap]:
    """Resume, and return what is told up to the moment at which the watch is live."""
    async with TickerClient(target) as client, client.watch(*STOCKS, every_tick=True, resume=resume) as watch:
        told: list[Update | Gap] = []
        async for event in watch:
            if isinstance(event, Update | Gap):
                told.append(event)
            elif isinstance(event, CaughtUp):
                assert event.replayed_count == sum(isinstance(each, Update) for each in told)
                break
        return told


def of_stock(told: list[Update | Gap], stock_id: str) -> list[tuple[int, int, str]]:
    """Return sequence, number and price of each update of a stock; there is no gap."""
    assert not [event for event in told if isinstance(event, Gap)]
    updates = [event for event in told if isinstance(event, Update) and event.stock_id == stock_id]
    return [(update.sequence, update.tick_number, update.price_text) for update in updates]


def above(truth: Truth, stock_id: str, number: int) -> list[tuple[int, int, str]]:
    """Return the same of the ticks that the log has above a number."""
    return [(tick.sequence, tick.tick_number, tick.price) for tick in truth[stock_id][number:]]


async def restart(pair: Deployment) -> None:
    """Kill both gateways and start them again, from what the sync server has stored last."""
    await until_all_stored(pair)
    for gateway in pair.gateways:
        await gateway.end(signal.SIGKILL)
    pair.protect()
    await pair.start()


async def until_all_stored(pair: Deployment) -> None:
    """Wait until the sync server has stored everything, which makes the start of a gateway begin at the end."""
    topic = topic_of(pair)
    ends = await asyncio.to_thread(topic.ends)
    await wait_for_stored(pair.place.database_url, lambda stored: stored.positions == ends)


async def test_from_before_the_start_of_a_gateway(past: Past) -> None:
    """What came before a gateway was started is resumed exactly, at either gateway, from any position."""
    truth = past.truth
    for gateway in past.servers.gateways:
        for number in (1, 137, TICKS):
            told = await resumed(gateway.target, after(truth, number, past.epoch))
            for stock_id in STOCKS:
                assert of_stock(told, stock_id) == above(truth, stock_id, number)


async def test_replay_of_a_span(past: Past) -> None:
    """A replay brings exactly what was accepted in its span, and then ends."""
    truth = past.truth
    start, end = (truth["RA"][number].accept_time for number in (60, 210))
    request = {
        "stock_ids": list(STOCKS),
        "every_tick": True,
        "start_time": timestamp(start),
        "end_time": timestamp(end),
    }
    async with past.servers.gateways[1].stubs() as stubs, stubs.watch(**request) as stream:
        await stream.read_until(lambda message: message.HasField("go_away"))
        updates = [update for message in stream.messages for update in message.updates]

    for stock_id in STOCKS:
        assert [(update.sequence, update.price) for update in updates if update.stock_id == stock_id] == [
            (tick.sequence, tick.price) for tick in truth[stock_id] if start <= tick.accept_time < end
        ]


async def test_beginning_that_retention_has_taken(broker: Broker, postgres: Postgres, tmp_path: Path) -> None:
    """Where the log has lost its beginning, a gap names exactly what cannot be had, and the rest comes."""
    with running(broker, postgres, tmp_path) as servers:
        truth = await publish(servers)
        epoch = await epoch_of(servers.gateways[0].target)
        await until_all_stored(servers)
        gone: dict[int, int] = {}
        for stock_id in STOCKS:
            home = home_partition(stock_id, PARTITIONS)
            gone[home] = max(gone.get(home, 0), truth[stock_id][100].sequence)
        for home, sequence in gone.items():
            await asyncio.to_thread(topic_of(servers).delete_before, home, sequence)
        await restart(servers)
        told = await resumed(servers.gateways[0].target, after(truth, 10, epoch))

    for stock_id in STOCKS:
        number = 10
        for event in (each for each in told if each.stock_id == stock_id):
            if isinstance(event, Gap):
                assert event.reason is GapReason.LOG_TRUNCATED
                assert event.first_missing_tick_number == number + 1
                number = event.last_missing_tick_number
            else:
                assert event.tick_number == number + 1
                number = event.tick_number
        assert number == TICKS


def timestamp(instant: int) -> Timestamp:
    """Return nanoseconds since the epoch as a Timestamp."""
    seconds, nanos = divmod(instant, 1_000_000_000)
    return Timestamp(seconds=seconds, nanos=nanos)
