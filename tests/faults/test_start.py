"""Gateways that are started while Kafka or PostgreSQL is away serve what they can, and all of it once these are back."""

from __future__ import annotations

import asyncio
import secrets
import signal
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.support.broker import Broker, started_broker
from tests.support.deployments import WAIT_SECONDS, Deployment, GatewayProcess, Place, deployment
from tests.support.oracle import truth_of
from tests.support.postgres import Postgres, started_postgres
from tests.support.price_topic import PriceTopic
from tests.support.recorder import recording
from tests.support.sync_state import wait_until_stored
from ticker_client import (
    FeedState,
    GoAway,
    Publisher,
    Retry,
    ServerUnreachable,
    StockPrice,
    Tick,
    TickerClient,
    TickerError,
    Unavailable,
    Update,
    UpdateKind,
)

HEARTBEAT = timedelta(seconds=1)
BACK_SECONDS = 10.0
SERVING_SECONDS = 5.0

pytestmark = [pytest.mark.timeout(240), pytest.mark.kafka, pytest.mark.postgres]


@dataclass
class Ground:
    """The servers of this module, and what stands on them."""

    broker: Broker
    postgres: Postgres
    deployment: Deployment
    away: set[str] = field(default_factory=set)

    @property
    def topic(self) -> PriceTopic:
        """The price topic, as foreign programs see it."""
        place = self.deployment.place
        return PriceTopic(place.bootstrap_servers, place.prefix, place.partitions)

    @property
    def gateway(self) -> GatewayProcess:
        """The first gateway."""
        return self.deployment.gateways[0]

    async def kill(self, *names: str) -> None:
        """Kill servers: "kafka", "postgres"."""
        self.away.update(names)
        if "kafka" in names:
            await self.broker.kill()
        if "postgres" in names:
            await self.postgres.kill()

    async def back(self) -> None:
        """Start the servers that are away."""
        away, self.away = self.away, set()
        for name, server in (("kafka", self.broker), ("postgres", self.postgres)):
            if name in away:
                await server.start()
        for name, server in (("kafka", self.broker), ("postgres", self.postgres)):
            if name in away:
                await server.accepts()


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """Run a Kafka and a PostgreSQL that only the tests of this module harm; gateways and sync server are not started."""
    folder = tmp_path_factory.mktemp("start")
    with started_broker(folder / "kafka") as broker, started_postgres(folder / "postgres") as postgres:
        place = Place(folder / "servers", broker.bootstrap_servers, postgres.url(), "ticker")
        with deployment(place) as made:
            yield Ground(broker, postgres, made)


@pytest.fixture
async def stock_id(ground: Ground) -> str:
    """Return a stock that has had three ticks, all stored; the gateways have been killed since."""
    stock_id = f"S{secrets.token_hex(3).upper()}"
    await ground.deployment.start()
    async with TickerClient(ground.gateway.target) as client:
        await client.create_stock(stock_id)
        await client.add_stock(stock_id, user_id=f"user-{stock_id}", every_tick=True, always=True)
        await client.publish([Tick(stock_id, f"{number}.5") for number in range(1, 4)])
    await wait_until_stored(ground.deployment.place.database_url, ground.topic)
    for gateway in ground.deployment.gateways:
        await gateway.end(signal.SIGKILL)
    return stock_id


@asynccontextmanager
async def away(ground: Ground, *names: str) -> AsyncIterator[None]:
    """Kill servers; they run again at the end of the block, however it ends."""
    await ground.kill(*names)
    try:
        yield
    finally:
        await ground.back()


async def test_started_without_kafka(ground: Ground, stock_id: str) -> None:
    """Without Kafka a gateway serves the stored prices with the feed DOWN, and goes on by itself when Kafka is back."""
    async with away(ground, "kafka"):
        await ground.gateway.start()
        missing = [line["missing"] for line in ground.gateway.log("starting without")]
        health = await health_of(ground.gateway)
        async with (
            TickerClient(ground.gateway.target) as client,
            recording(ground.gateway.target, stock_id, every_tick=True, heartbeat=HEARTBEAT, reopens=True) as watch,
        ):
            await watch.feed(FeedState.DOWN, since=0.0, seconds=5)
            stored = watch.updates()
            refused = await refusal_of(client, stock_id)
            await client.create_stock(f"{stock_id}X")
            began = time.monotonic()
            await ground.back()
            returned = time.monotonic()
            gone, _ = await watch.told(GoAway, since=began)
            await flows_again(client, stock_id, "4.5")
            recovered = time.monotonic() - returned
            await watch.told(Update, where=lambda update: update.price_text == "4.5")
            updates = watch.updates()

    assert missing == ["Kafka"]
    assert health == health_pb2.HealthCheckResponse.SERVING
    assert [(update.kind, update.price_text, update.tick_number) for update in stored] == [
        (UpdateKind.SNAPSHOT, "3.5", 3)
    ]
    assert (refused.reason, refused.code) == ("PRICE_LOG_UNAVAILABLE", "UNAVAILABLE")
    assert refused.retry_after is not None
    assert gone >= 0
    assert recovered < BACK_SECONDS
    assert (updates[-1].price_text, updates[-1].tick_number) == ("4.5", 4)
    assert ground.gateway.log("starting anew")


async def test_started_without_postgres(ground: Ground, stock_id: str) -> None:
    """Without PostgreSQL a gateway is up and says that it knows no stocks, and knows them once PostgreSQL is back."""
    async with away(ground, "postgres"):
        await ground.gateway.start()
        missing = [line["missing"] for line in ground.gateway.log("starting without")]
        health = await health_of(ground.gateway)
        async with TickerClient(ground.gateway.target, user_id=f"user-{stock_id}") as client:
            refusals = [await refusal_of(client, stock_id), await watch_refusal_of(client, stock_id)]
            await ground.back()
            returned = time.monotonic()
            await flows_again(client, stock_id, "4.5")
            await until_watched(client, stock_id)
            recovered = time.monotonic() - returned
            latest = await latest_of(client, stock_id)

    assert missing == ["database"]
    assert between(ground.gateway, "starting without", "serving") < SERVING_SECONDS
    assert health == health_pb2.HealthCheckResponse.SERVING
    for refusal in refusals:
        assert (refusal.reason, refusal.code) == ("DATABASE_UNAVAILABLE", "UNAVAILABLE")
        assert refusal.retry_after is not None
    assert recovered < BACK_SECONDS
    assert (latest.price_text, latest.tick_number) == ("4.5", 4)


async def test_started_without_both(ground: Ground, stock_id: str) -> None:
    """Without both a gateway is up, says so, and recovers from each by itself."""
    async with away(ground, "kafka", "postgres"):
        await ground.gateway.start()
        missing = {line["missing"] for line in ground.gateway.log("starting without")}
        health = await health_of(ground.gateway)
        async with TickerClient(ground.gateway.target, user_id=f"user-{stock_id}") as client:
            refusals = [await refusal_of(client, stock_id), await watch_refusal_of(client, stock_id)]
            await ground.back()
            returned = time.monotonic()
            await flows_again(client, stock_id, "4.5")
            await until_watched(client, stock_id)
            recovered = time.monotonic() - returned
            latest = await latest_of(client, stock_id)

    assert missing == {"Kafka", "database"}
    assert health == health_pb2.HealthCheckResponse.SERVING
    assert {refusal.code for refusal in refusals} == {"UNAVAILABLE"}
    assert recovered < BACK_SECONDS
    assert (latest.price_text, latest.tick_number) == ("4.5", 4)


async def test_everything_restarted(ground: Ground, stock_id: str) -> None:
    """After everything was killed and started, in no good order, newest prices and numbers are what they were."""
    await ground.deployment.stop(signal.SIGKILL)
    await ground.kill("kafka", "postgres")
    ground.deployment.launch()
    await ground.back()
    await asyncio.to_thread(ground.deployment.wait)
    latest = []
    for gateway in ground.deployment.gateways:
        async with TickerClient(gateway.target) as client:
            await flows_again(client, stock_id, f"{gateway.name[-1]}.25")
            latest.append(await latest_of(client, stock_id))
    truth = (await truth_of(ground.topic))[stock_id]

    assert [tick.price for tick in truth] == ["1.5", "2.5", "3.5", "1.25", "2.25"]
    assert [(price.price_text, price.tick_number, price.sequence) for price in latest] == [
        (tick.price, tick.tick_number, tick.sequence) for tick in truth[-2:]
    ]


async def health_of(gateway: GatewayProcess) -> int:
    """Return what the gateway says of its own health."""
    async with grpc.aio.insecure_channel(gateway.target) as channel:
        answer = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=10)
    status: int = answer.status
    return status


async def refusal_of(client: TickerClient, stock_id: str) -> TickerError:
    """Return why a publish is refused, at once and once."""
    publisher = Publisher(client._publish, retry=Retry(attempts=1))
    with pytest.raises(Unavailable) as refused:
        await publisher.publish([Tick(stock_id, "99")])
    return refused.value


async def watch_refusal_of(client: TickerClient, stock_id: str) -> TickerError:
    """Return why a watch is refused."""
    with pytest.raises(Unavailable) as refused:
        async with client.watch(stock_id):
            pass
    return refused.value


async def flows_again(client: TickerClient, stock_id: str, price: str) -> None:
    """Publish a price until it is acknowledged; it is in the log once."""
    publisher = client.publisher()
    ticks: Sequence[Tick] = [Tick(stock_id, price)]
    deadline = time.monotonic() + WAIT_SECONDS
    while ticks:
        assert time.monotonic() < deadline
        with suppress(Unavailable, ServerUnreachable):
            await publisher.publish(ticks)
        ticks = publisher.unconfirmed
        await asyncio.sleep(0.05)


async def until_watched(client: TickerClient, stock_id: str) -> None:
    """Wait until the watch of a user brings a price."""
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        assert time.monotonic() < deadline
        with suppress(Unavailable, ServerUnreachable):
            async with client.watch() as watch:
                async for event in watch:
                    if isinstance(event, Update):
                        return
        await asyncio.sleep(0.05)


async def latest_of(client: TickerClient, stock_id: str) -> StockPrice:
    """Return the newest price of a stock."""
    return (await client.latest(stock_id)).prices[0]


def between(gateway: GatewayProcess, first: str, last: str) -> float:
    """Return how long after one event a gateway logged another one (seconds)."""
    began, ended = (datetime.fromisoformat(gateway.log(event)[0]["timestamp"]) for event in (first, last))
    return (ended - began).total_seconds()
