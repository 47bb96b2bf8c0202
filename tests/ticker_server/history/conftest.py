"""A migrated PostgreSQL, a snapshot store on it, and a price topic, for the tests of the sync server."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from tests.support.broker import Broker
from tests.support.price_topic import PriceTopic
from ticker_server.catalog import Database, open_database, upgrade
from ticker_server.history.snapshots import SnapshotStore
from ticker_server.model.acceptance import Numbering
from ticker_server.model.tick import AcceptedTick

ROLES = ("ticker_sync", "ticker_gateway", "analyst")
GRANTS = re.compile(rf"^GRANT .* TO (?:{'|'.join(ROLES)});$", re.MULTILINE)
OPERATIONS = Path(__file__).resolve().parents[3] / "docs" / "operations.md"


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


@pytest.fixture
def role_url(url: str) -> Iterator[Callable[[str], str]]:
    """Return a function that returns the URL of a role with the rights that the documentation gives it."""
    database = url.rpartition("/")[2]
    statements = "\n".join(GRANTS.findall(OPERATIONS.read_text()))
    password = url.split("@", maxsplit=1)[0].rsplit(":", 1)[1]
    with psycopg.connect(url, autocommit=True) as connection:
        for name in ROLES:
            connection.execute(f"CREATE ROLE {name}_{database} LOGIN PASSWORD '{password}'".encode())
            statements = statements.replace(f"TO {name};", f"TO {name}_{database};")
        connection.execute(statements.replace("DATABASE ticker ", f"DATABASE {database} ").encode())
    yield lambda name: url.replace("//ticker:", f"//{name}_{database}:")
    with psycopg.connect(url, autocommit=True) as connection:
        for name in ROLES:
            connection.execute(f"DROP OWNED BY {name}_{database}; DROP ROLE {name}_{database}".encode())
