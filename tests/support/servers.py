"""Fixtures of the real servers: one Kafka and one PostgreSQL for a whole run, started when the first test asks."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from scripts.kafka_cluster.jars import NotInstalled, fetch_jars, find_java
from tests.support.broker import Broker, started_broker
from tests.support.postgres import Postgres, started_postgres

# The fixture that a test asks for, directly or through another one, and the marker that the test gets for it.
MARKERS = {"broker": "kafka", "postgres": "postgres"}
ADMIN_SECONDS = 10.0


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """Run one real Kafka for all tests; what they must not share they name with `topic_prefix`."""
    try:
        fetch_jars()
        find_java()
    except NotInstalled as missing:
        pytest.fail(str(missing), pytrace=False)
    with started_broker(tmp_path_factory.mktemp("broker") / "kafka") as running:
        yield running


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """Run one real PostgreSQL for all tests; `postgres_url` gives each a database of its own."""
    with started_postgres(tmp_path_factory.mktemp("postgres") / "server") as running:
        yield running


@pytest.fixture
def postgres_url(postgres: Postgres) -> Iterator[str]:
    """Return the address of an empty database, without tables, that no other test uses."""
    name = f"test_{secrets.token_hex(4)}"
    postgres.create_database(name)
    yield postgres.url(name)
    postgres.drop_database(name)


@pytest.fixture
def topic_prefix(broker: Broker) -> Iterator[str]:
    """Return a topic prefix that no other test uses; its topics are deleted after the test."""
    prefix = f"t{secrets.token_hex(4)}"
    yield prefix
    # Hundreds of forgotten topics would make each later test slower.
    admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers})
    topics = [name for name in admin.list_topics(timeout=ADMIN_SECONDS).topics if name.startswith(f"{prefix}.")]
    if topics:
        for deleted in admin.delete_topics(topics, request_timeout=ADMIN_SECONDS).values():
            try:
                deleted.result()
            except KafkaException:
                continue  # the test has deleted it


def mark_by_fixture(items: list[pytest.Item]) -> None:
    """Mark the tests that need a real server, so that `-m "not kafka"` leaves them out where there is no Java."""
    for item in items:
        for fixture, marker in MARKERS.items():
            if fixture in getattr(item, "fixturenames", ()):
                item.add_marker(marker)
