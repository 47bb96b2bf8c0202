"""Sharing partitions in a group."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.support.broker import Broker
from tests.support.price_topic import PriceTopic
from ticker_server.errors import PriceLogUnavailable
from ticker_server.feed.kafka.membership import Membership

ALL = frozenset(range(4))


@pytest.fixture
async def topic(broker: Broker, topic_prefix: str) -> PriceTopic:
    """Return a topic of four partitions."""
    topic = PriceTopic(broker.bootstrap_servers, topic_prefix, 4)
    await asyncio.to_thread(topic.create)
    return topic


@asynccontextmanager
async def joined(topic: PriceTopic, partitions: int = 4) -> AsyncIterator[Membership]:
    """Be a member of the topic's group until the end of the block."""
    membership = Membership(
        topic.connection, topic.name, partitions, group_id=f"{topic.prefix}.sync", session_seconds=1.0
    )
    run = asyncio.create_task(membership.run())
    try:
        yield membership
    finally:
        run.cancel()
        await asyncio.gather(run, return_exceptions=True)
        await membership.close()


async def shares(*members: Membership) -> list[frozenset[int]]:
    """Wait until the members have shared all partitions among them; return what each has."""
    async with asyncio.timeout(20):
        while True:
            assignments = [await member.assignment() for member in members]
            found = [assignment.partitions for assignment in assignments]
            if frozenset().union(*found) == ALL and sum(map(len, found)) == len(ALL):
                return found
            # At least one of them is of the share-out before.
            ended = [asyncio.create_task(assignment.ended.wait()) for assignment in assignments]
            await asyncio.wait(ended, return_when=asyncio.FIRST_COMPLETED)
            for task in ended:
                task.cancel()


async def test_one_member_has_everything(topic: PriceTopic) -> None:
    """The only member has all partitions."""
    async with joined(topic) as member:
        assert await shares(member) == [ALL]


async def test_members_share(topic: PriceTopic) -> None:
    """Two members have two partitions each; when one leaves, the other has all at once, and knew when it ended."""
    async with joined(topic) as first:
        assignment = await first.assignment()
        async with joined(topic) as second:
            assert sorted(map(len, await shares(first, second))) == [2, 2]
            assert assignment.ended.is_set()
            half = await first.assignment()
        async with asyncio.timeout(10):
            await half.ended.wait()
        assert await shares(first) == [ALL]


async def test_member_beyond_the_partitions_has_none(topic: PriceTopic) -> None:
    """Where there are more members than partitions, a member has an empty share."""
    async with joined(topic) as a, joined(topic) as b, joined(topic) as c, joined(topic) as d, joined(topic) as e:
        assert sorted(map(len, await shares(a, b, c, d, e))) == [0, 1, 1, 1, 1]


async def test_partitions_beyond_the_setting_are_left_out(topic: PriceTopic) -> None:
    """Of the partitions that the topic has beyond the setting a member is not told."""
    async with joined(topic, partitions=2) as member:
        assert (await member.assignment()).partitions == {0, 1}


async def test_partitions_that_are_added(topic: PriceTopic) -> None:
    """When partitions are added, everything is shared out anew, and the new ones are left out."""
    async with joined(topic) as member:
        before = await member.assignment()
        await asyncio.to_thread(topic.add_partitions, 6)
        async with asyncio.timeout(20):
            await before.ended.wait()
        assert (await member.assignment()).partitions == ALL


async def test_closing_ends_the_assignment(topic: PriceTopic) -> None:
    """A member that leaves has no partitions any more."""
    async with joined(topic) as member:
        assignment = await member.assignment()
    assert assignment.ended.is_set()


async def test_broker_that_is_away(topic: PriceTopic) -> None:
    """Where no broker answers, joining fails, and the member can be closed."""
    nowhere = PriceTopic("127.0.0.1:9", topic.prefix, 4)
    member = Membership(nowhere.connection, topic.name, 4, group_id="g", session_seconds=1.0)
    with pytest.raises(PriceLogUnavailable):
        await member.run()
    await member.close()
