"""A log without its beginning, and without a snapshot: prices without numbers, until there is one."""

from __future__ import annotations

import asyncio

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from tests.support.deployments import Place, deployment, until
from tests.support.oracle import truth_of
from tests.support.price_topic import PriceTopic
from tests.support.recorder import recording, went_away
from tests.support.sync_state import wait_until_stored
from ticker_client import Gap, GapReason, Tick, TickerClient, Update

pytestmark = pytest.mark.timeout(120)


async def test_numbers_come_with_a_snapshot(place: Place, topic: PriceTopic) -> None:
    """Where the numbers are lost readers are told so; a gateway starts anew by itself when a snapshot has numbers."""
    with deployment(place, gateways=1) as servers:
        gateway, sync = servers.gateways[0], servers.syncs[0]
        await gateway.start()
        servers.protect()
        async with TickerClient(gateway.target) as client:
            await client.create_stock("AAPL")
            await client.publish([Tick("AAPL", f"{number}.5") for number in range(1, 6)])
        await gateway.end()
        await asyncio.to_thread(forget, topic, 3)
        await gateway.start()
        servers.protect()
        async with TickerClient(gateway.target) as client:
            async with recording(gateway.target, "AAPL", every_tick=True, reopens=True) as watch:
                await client.publish([Tick("AAPL", "6.5")])
                await watch.told(Update, where=lambda update: update.price_text == "6.5")
                without = watch.updates()
                lost = [event.reason for _, event in watch.since(0, Gap)]
                await sync.start()
                servers.protect()
                await until(lambda: went_away(watch.history), "the watch is told to go away")
                await until(lambda: watch.updates()[-1].tick_number, "ticks have numbers")
            await client.publish([Tick("AAPL", "7.5")])
            latest = (await client.latest("AAPL")).prices[0]
        await wait_until_stored(place.database_url, topic)
        truth = (await truth_of(topic))["AAPL"]

    assert {update.tick_number for update in without} == {0}
    assert GapReason.COUNT_LOST in lost
    assert [tick.price for tick in truth] == ["4.5", "5.5", "6.5", "7.5"]
    assert (latest.price_text, latest.tick_number) == ("7.5", 4)
    assert gateway.log("starting anew")


def forget(topic: PriceTopic, count: int) -> None:
    """Remove the first records of each partition, as retention does."""
    ends = topic.ends()
    places = [TopicPartition(topic.name, partition, min(count, end)) for partition, end in ends.items()]
    admin = AdminClient(topic.options)
    for removed in admin.delete_records(places).values():
        removed.result(30)
