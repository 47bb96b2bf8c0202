"""What all tests of faults need: a place for a deployment, and clients of it."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from tests.support.broker import Broker
from tests.support.deployments import Place
from tests.support.evidence import Evidence
from tests.support.price_topic import PriceTopic

FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note whether a test has failed, for fixtures that end after it."""
    report = yield
    item.stash[FAILED] = item.stash.get(FAILED, False) or report.failed
    return report


@pytest.fixture
def evidence(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Evidence]:
    """Collect what is recorded of a run; when the test fails it is kept beside the logs of the servers."""
    collected = Evidence()
    yield collected
    if request.node.stash.get(FAILED, False):
        folder = tmp_path / "evidence"
        collected.save(folder)
        sys.stdout.write(
            f"what was recorded is in {folder}; judge it again: python -m tests.support.validators {folder}\n"
        )


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
