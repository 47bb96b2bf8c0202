"""What all tests of faults need: a place for a deployment, and clients of it."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from tests.support.broker import Broker
from tests.support.deployments import Place
from tests.support.price_topic import PriceTopic


@pytest.fixture
def place(tmp_path: Path, broker: Broker, postgres_url: str, topic_prefix: str) -> Place:
    """Return topics and a database of a test's own, on the servers that all tests share."""
    return Place(tmp_path / "servers", broker.bootstrap_servers, postgres_url, topic_prefix)


@pytest.fixture
def topic(place: Place) -> PriceTopic:
    """Return the price topic as foreign programs see it; whoever starts first makes it."""
    return PriceTopic(place.bootstrap_servers, place.prefix, place.partitions)


@pytest.fixture
def name() -> str:
    """Return a name that no other test uses."""
    return f"f{secrets.token_hex(4)}"
