"""What a gateway stands on in production, as far as Kafka and the database answer when it starts."""

from __future__ import annotations

from tests.support.broker import Broker
from ticker_server.app.parts import Parts
from ticker_server.app.production import open_production
from ticker_server.catalog import open_database, upgrade
from ticker_server.clock import SystemClock
from ticker_server.feed.absent import AbsentLog
from ticker_server.feed.kafka.log import KafkaLog
from ticker_server.history.snapshots import SnapshotStore
from ticker_server.settings import Deployment

NOWHERE = "127.0.0.1:1"
NO_DATABASE = "postgresql://127.0.0.1:1/ticker"


def deployment(brokers: str, database: str, prefix: str = "ticker") -> Deployment:
    """Return the settings of a deployment with two partitions."""
    return Deployment.load(
        kafka_bootstrap_servers=brokers, database_url=database, kafka_topic_prefix=prefix, kafka_partitions=2
    )


async def test_both_answer(broker: Broker, postgres_url: str, topic_prefix: str) -> None:
    """With both there the log is Kafka's, with its numbers, and the schema is the newest."""
    settings = deployment(broker.bootstrap_servers, postgres_url, topic_prefix)
    async with Parts() as parts:
        backend = await open_production(settings, SystemClock(), parts)

        assert isinstance(backend.log, KafkaLog)
        assert backend.log.counted
        assert not backend.must_load
        assert await SnapshotStore(backend.database).newest_epoch() == ""


async def test_without_kafka(postgres_url: str) -> None:
    """Without Kafka the epoch is the one that the database knows, and nothing else of the log."""
    upgrade(postgres_url)
    database = open_database(postgres_url)
    await SnapshotStore(database).open_epoch("former")
    await database.close()
    async with Parts() as parts:
        backend = await open_production(deployment(NOWHERE, postgres_url), SystemClock(), parts, patience_seconds=0)

        assert isinstance(backend.log, AbsentLog)
        assert backend.log.epoch == "former"


async def test_without_both() -> None:
    """Without both there is an absent log of no epoch."""
    async with Parts() as parts:
        backend = await open_production(deployment(NOWHERE, NO_DATABASE), SystemClock(), parts, patience_seconds=0)

        assert isinstance(backend.log, AbsentLog)
        assert backend.log.epoch == ""


async def test_without_database(broker: Broker, topic_prefix: str) -> None:
    """Without the database a short log is read from its beginning, with its numbers."""
    settings = deployment(broker.bootstrap_servers, NO_DATABASE, topic_prefix)
    async with Parts() as parts:
        backend = await open_production(settings, SystemClock(), parts, patience_seconds=0)

        assert isinstance(backend.log, KafkaLog)
        assert backend.log.counted
