"""Kafka killed and frozen under load: nothing acknowledged is lost, nothing comes twice, and all are told."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

import pytest

from tests.support.broker import Broker, started_broker
from tests.support.deployments import Deployment, Place, deployment, until, until_known
from tests.support.evidence import Evidence
from tests.support.figures import show_figure
from tests.support.oracle import truth_of
from tests.support.postgres import Postgres
from tests.support.price_topic import PriceTopic
from tests.support.quotes import Quotes, quoting
from tests.support.recorder import Recorder, recording
from tests.support.sample_changes import added
from tests.support.validators import faults, undurable, unsent
from ticker_client import FeedState, StockJoined, TickerClient, Update
from ticker_server.errors import PriceLogUnavailable
from ticker_server.feed.kafka.change_publisher import ChangePublisher
from ticker_server.feed.kafka.connection import KafkaConnection
from ticker_server.feed.kafka.topics import change_topic, ensure_topics

DOWN_SECONDS = 5.0
RECOVERY_SECONDS = 10.0
FROZEN_SECONDS = 15.0
KILLS = 3
HEARTBEAT = timedelta(seconds=60)

pytestmark = [pytest.mark.timeout(240), pytest.mark.kafka]


@pytest.fixture(scope="module")
def own_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """Run a Kafka that only the tests of this module harm."""
    with started_broker(tmp_path_factory.mktemp("own") / "kafka") as running:
        yield running


@pytest.fixture(scope="module")
def pair(own_broker: Broker, postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Run two gateways on it."""
    database = f"kafka_{secrets.token_hex(4)}"
    postgres.create_database(database)
    place = Place(tmp_path_factory.mktemp("servers"), own_broker.bootstrap_servers, postgres.url(database), "ticker")
    with deployment(place, syncs=0) as made:
        made.launch()
        made.wait()
        yield made
    postgres.drop_database(database)


@dataclass
class Scene:
    """Programs that publish and watch while Kafka is harmed."""

    every: Recorder
    often: Recorder
    saved: Recorder
    client: TickerClient
    quotes: tuple[Quotes, Quotes]
    evidence: Evidence

    @property
    def watches(self) -> tuple[Recorder, Recorder]:
        """Both watches."""
        return self.every, self.often

    async def told_down(self, since: float) -> None:
        """Wait until all are told that the feed is down, which must be in time though the next heartbeat is far."""
        waited = [await watch.feed(FeedState.DOWN, since=since) for watch in self.watches]
        show_figure("told DOWN after", max(waited))
        assert max(waited) < DOWN_SECONDS

    async def recovered(self, since: float) -> None:
        """Wait until all are told that the feed is live, and prices flow again from both publishers, in time."""
        waited = [await watch.feed(FeedState.LIVE, since=since) for watch in self.watches]
        for quotes in self.quotes:
            for watch in self.watches:
                took, _ = await watch.told(
                    Update, since=since, where=lambda update, quotes=quotes: quotes.sent_at(update) > since
                )
                waited.append(took)
        show_figure("recovered after", max(waited))
        assert max(waited) < RECOVERY_SECONDS

    async def add(self, stock_id: str) -> None:
        """Add a stock for the user of the saved watch, at the other gateway; Kafka is not needed to store it."""
        await self.client.add_stock(stock_id, every_tick=True, always=True)

    async def joined(self, stock_id: str, since: float) -> None:
        """Wait until the saved watch follows a stock, which must be in time."""
        await self.saved.told(StockJoined, where=lambda event: event.stock_id == stock_id)
        assert time.monotonic() - since < RECOVERY_SECONDS

    async def check(self, topic: PriceTopic) -> None:
        """Check that nothing is missing and nothing came twice, once all that was published has come."""
        published = [price for quotes in self.quotes for price in quotes.accepted]
        truth = self.evidence.truth = await truth_of(topic)
        self.evidence.answers = [answer for quotes in self.quotes for answer in quotes.answers]
        assert len(published) > 100
        for watch in self.watches:
            await until(lambda watch=watch: not faults(watch.history, published, truth), "the histories are right", 15)
            assert faults(watch.history, published, truth) == []
            assert watch.dropped == 0
            assert watch.streams == 1
        mine = {stock_id: truth[stock_id] for stock_id in self.every.watched}
        assert undurable(self.evidence.answers, truth) == []
        assert unsent(self.evidence.answers, mine) == []


@pytest.fixture
async def stock_ids(pair: Deployment) -> tuple[str, ...]:
    """Create stocks that no other test uses."""
    created = tuple(f"S{secrets.token_hex(3).upper()}{number}" for number in range(4))
    async with TickerClient(pair.gateways[0].target) as client:
        for stock_id in created:
            await client.create_stock(stock_id)
        await client.create_user(user_of(created))
    for gateway in pair.gateways:
        async with TickerClient(gateway.target) as client:
            await until_known(client, created)
    return created


def user_of(stock_ids: tuple[str, ...]) -> str:
    """Return the user who belongs to a test's stocks."""
    return f"user-{stock_ids[0]}"


@asynccontextmanager
async def under_load(pair: Deployment, stock_ids: tuple[str, ...], evidence: Evidence) -> AsyncIterator[Scene]:
    """Publish through both gateways and watch at both, and check all of it at the end."""
    one, other = (gateway.target for gateway in pair.gateways)
    user_id = user_of(stock_ids)
    async with (
        TickerClient(one, user_id=user_id) as client,
        recording(other, user_id=user_id, heartbeat=HEARTBEAT) as saved,
        recording(one, *stock_ids, every_tick=True, heartbeat=HEARTBEAT) as every,
        recording(other, *stock_ids, frequency=timedelta(milliseconds=200), heartbeat=HEARTBEAT) as often,
    ):
        evidence.histories |= {"every": every.history, "often": often.history, "saved": saved.history}
        async with quoting(one, stock_ids, 1) as first, quoting(other, stock_ids, 2) as second:
            scene = Scene(every, often, saved, client, (first, second), evidence)
            await first.go_on(20)
            await second.go_on(20)
            yield scene
        place = pair.place
        await scene.check(PriceTopic(place.bootstrap_servers, place.prefix, place.partitions))


async def test_broker_killed_and_restarted(
    own_broker: Broker, pair: Deployment, stock_ids: tuple[str, ...], evidence: Evidence
) -> None:
    """Killed three times while prices are published, Kafka costs no accepted tick, no order and no watch."""
    async with under_load(pair, stock_ids, evidence) as scene:
        for stock_id in stock_ids[:KILLS]:
            killed = time.monotonic()
            await own_broker.kill()
            await scene.told_down(killed)
            await scene.add(stock_id)
            await own_broker.start()
            await own_broker.accepts()
            back = time.monotonic()
            await scene.recovered(back)
            await scene.joined(stock_id, back)


async def test_broker_frozen(
    own_broker: Broker, pair: Deployment, stock_ids: tuple[str, ...], evidence: Evidence
) -> None:
    """Frozen for 15 s while prices are published, Kafka costs no accepted tick, no order and no watch."""
    async with under_load(pair, stock_ids, evidence) as scene:
        frozen = time.monotonic()
        own_broker.freeze()
        try:
            await scene.told_down(frozen)
            await asyncio.sleep(FROZEN_SECONDS - (time.monotonic() - frozen))
        finally:
            own_broker.thaw()
        thawed = time.monotonic()
        await own_broker.accepts()
        await scene.recovered(thawed)


async def test_change_under_way_does_not_hold_up_the_end(own_broker: Broker) -> None:
    """What Kafka does not take while it is frozen is given up, and a gateway can end."""
    prefix = f"t{secrets.token_hex(4)}"
    plan, connection = change_topic(prefix, 4), KafkaConnection(own_broker.bootstrap_servers)
    await ensure_topics(connection, [plan])
    # The request under way ends after 5 s; then its producer waits for news of the cluster, to try it again.
    publisher = ChangePublisher(connection, plan.name, 4, limit_seconds=6)
    await publisher.publish([added("ana", "AAPL", 1)])
    own_broker.freeze()
    try:
        with pytest.raises(PriceLogUnavailable):
            await publisher.publish([added("ana", "AAPL", 2)])
        async with asyncio.timeout(5):
            await publisher.close()
    finally:
        own_broker.thaw()
        await own_broker.accepts()
