"""A migrated PostgreSQL, a snapshot store on it, and a price topic, for the tests of the sync server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from tests.support.broker import Broker
from tests.support.price_topic import PriceTopic
from ticker_server.catalog import Database, open_database, upgrade
from ticker_server.history.snapshots import SnapshotStore
from ticker_server.model.acceptance import Numbering
from ticker_server.model.tick import AcceptedTick


@pytest.fixture
async def url(postgres_url: str) -> str:
    """Return the URL of a migrated, empty database."""
    await asyncio.to_thread(upgrade, postgres_url)
    return postgres_url


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    """Return an open database."""
    database = open_database(url, statement_seconds=30)
    yield database
    await database.close()


@pytest.fixture
def store(database: Database) -> SnapshotStore:
    """Return a snapshot store, empty at first."""
    return SnapshotStore(database)


@pytest.fixture
async def topic(broker: Broker, topic_prefix: str) -> PriceTopic:
    """Return an empty price topic of four partitions."""
    topic = PriceTopic(broker.bootstrap_servers, topic_prefix, 4)
    await asyncio.to_thread(topic.create)
    return topic


@pytest.fixture
def numbering() -> Callable[..., Numbering]:
    """Return a function that makes the state of a stock."""

    def make(stock_id: str, sequence: int, *, price: str = "1.50", **publishers: int) -> Numbering:
        newest = AcceptedTick(stock_id, price, "10", 1_000 + sequence, 2_000 + sequence, sequence, sequence)
        return Numbering(newest, publishers)

    return make
