"""The sync server through kills, freezes and outages: what is stored is what follows from the log, to the last digit."""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.broker import Broker, running_broker
from tests.support.postgres import running_postgres
from tests.support.price_topic import LogFold, PriceTopic
from tests.support.price_traffic import traffic
from tests.support.sync_members import SyncMembers, sync_members
from tests.support.sync_state import (
    assert_checkpoints_exact,
    assert_exact,
    assert_nothing_went_back,
    assert_ticks_exact,
    keep_history,
    wait_for_stored,
    wait_until_stored,
)
from ticker_server.catalog import upgrade

PARTITIONS = 4
KILLS = 20


@pytest.fixture
async def topic(broker: Broker, topic_prefix: str) -> PriceTopic:
    """Return an empty price topic."""
    made = PriceTopic(broker.bootstrap_servers, topic_prefix, PARTITIONS)
    await asyncio.to_thread(made.create)
    return made


@pytest.fixture
async def url(postgres_url: str) -> str:
    """Return a migrated database that keeps each version of a price."""
    await asyncio.to_thread(upgrade, postgres_url)
    keep_history(postgres_url)
    return postgres_url


@pytest.fixture(scope="module")
def starter() -> Iterator[SyncMembers]:
    """Return what starts sync servers."""
    with sync_members() as starter:
        yield starter


@pytest.fixture
def members(starter: SyncMembers) -> Iterator[SyncMembers]:
    """Return what starts sync servers; those that still run at the end are killed."""
    yield starter
    starter.kill_all()


async def a_random_moment(chance: random.Random) -> None:
    """Let a part of an interval pass, so that a kill meets any point of reading and storing."""
    await asyncio.sleep(chance.uniform(0, 0.25))


async def outage() -> None:
    """Let a server be away for many intervals, and for longer than the session of a member."""
    await asyncio.sleep(1.5)


async def progress(url: str) -> None:
    """Wait until more is stored of every partition than is now."""
    before = await wait_for_stored(url, lambda stored: len(stored.positions) == PARTITIONS)
    await wait_for_stored(
        url, lambda stored: all(stored.positions[number] > at for number, at in before.positions.items())
    )


async def some_progress(url: str) -> None:
    """Wait until more is stored of any partition than is now."""
    before = await wait_for_stored(url, lambda _: True)
    await wait_for_stored(url, lambda stored: stored.positions != before.positions)


@pytest.mark.timeout(120)
async def test_killed_at_random_moments(topic: PriceTopic, url: str, members: SyncMembers) -> None:
    """After each of 20 kills of one of two members under load, all that is stored is exact, bars and ticks too, and never went back."""
    chance = random.Random(4)
    fold = LogFold(topic)
    async with traffic(topic, seed=1):
        alive = [members.start(topic, url), members.start(topic, url)]
        for _ in range(KILLS):
            await some_progress(url)
            await a_random_moment(chance)
            await alive.pop(chance.randrange(2)).end(signal.SIGKILL)
            await asyncio.to_thread(assert_exact, url, fold)
            alive.append(members.start(topic, url))
    await wait_until_stored(url, topic)
    await asyncio.to_thread(assert_exact, url, fold)
    assert_nothing_went_back(url)
    await asyncio.to_thread(assert_ticks_exact, url, fold)
    await asyncio.to_thread(assert_checkpoints_exact, url, topic)


async def test_frozen_member_that_wakes(topic: PriceTopic, url: str, members: SyncMembers) -> None:
    """A member frozen for longer than its session finds its share with another one, and writes nothing over it."""
    fold = LogFold(topic)
    async with traffic(topic, seed=2):
        frozen = members.start(topic, url)
        await progress(url)
        frozen.freeze()
        await asyncio.to_thread(assert_exact, url, fold)
        other = members.start(topic, url)
        await progress(url)
        frozen.thaw()
        # What it had folded before it was frozen comes first now, at the end of the interval that it was frozen in.
        await progress(url)
        await asyncio.to_thread(assert_exact, url, fold)
        await other.end()
    await wait_until_stored(url, topic)
    await asyncio.to_thread(assert_exact, url, fold)
    assert_nothing_went_back(url)
    await asyncio.to_thread(assert_ticks_exact, url, fold)
    await asyncio.to_thread(assert_checkpoints_exact, url, topic)


@pytest.mark.postgres
async def test_database_killed_and_frozen(tmp_path: Path, topic: PriceTopic, members: SyncMembers) -> None:
    """While the database is away the fold goes on, and within 10 s after its return everything is stored exactly."""
    fold = LogFold(topic)
    async with running_postgres(tmp_path) as postgres:
        url = postgres.url()
        await asyncio.to_thread(upgrade, url)
        keep_history(url)
        async with traffic(topic, seed=3):
            members.start(topic, url)
            await progress(url)
            await postgres.kill()
            await outage()
            await postgres.start()
            await postgres.accepts()
            await progress(url)
            postgres.freeze()
            await outage()
            postgres.thaw()
            await progress(url)
            await asyncio.to_thread(assert_exact, url, fold)
        await wait_until_stored(url, topic, seconds=10)
        await asyncio.to_thread(assert_exact, url, fold)
        assert_nothing_went_back(url)
        await asyncio.to_thread(assert_ticks_exact, url, fold)
        await asyncio.to_thread(assert_checkpoints_exact, url, topic)
        members.kill_all()


@pytest.mark.kafka
async def test_broker_killed_and_frozen(tmp_path: Path, url: str, members: SyncMembers) -> None:
    """While the broker is away nothing is stored, and within 10 s after its return everything is stored exactly."""
    async with running_broker(tmp_path) as broker:
        topic = PriceTopic(broker.bootstrap_servers, "outage", PARTITIONS)
        await asyncio.to_thread(topic.create)
        fold = LogFold(topic)
        async with traffic(topic, seed=5):
            members.start(topic, url)
            await progress(url)
            await broker.kill()
            await broker.start()
            await broker.accepts()
            await progress(url)
            broker.freeze()
            await outage()
            broker.thaw()
            await progress(url)
        await wait_until_stored(url, topic, seconds=10)
        await asyncio.to_thread(assert_exact, url, fold)
        assert_nothing_went_back(url)
        await asyncio.to_thread(assert_ticks_exact, url, fold)
        await asyncio.to_thread(assert_checkpoints_exact, url, topic)
        members.kill_all()
