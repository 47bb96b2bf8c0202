"""Replays of the SDK against the real server, with breaks in the midst of them."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from datetime import timedelta

import pytest

from ticker_client import CaughtUp, Disconnected, Gap, Reconnect, Tick, TickerClient, Update, Watch
from ticker_server.app import Gateway

BATCHES, BATCH = 12, 1000
QUICK = Reconnect(first_pause=timedelta(milliseconds=1), longest_pause=timedelta(milliseconds=1))
Ticks = dict[str, list[int]]


async def publish_market(ticker: TickerClient, chance: random.Random) -> list[int]:
    """Publish two busy stocks, one that falls quiet, and one without a price; return an accept time of each batch."""
    for stock_id in ("A", "B", "QUIET", "EMPTY"):
        await ticker.create_stock(stock_id)
    await ticker.publish([Tick("QUIET", "1"), Tick("QUIET", "2")])
    times: list[int] = []
    for _ in range(BATCHES):
        await ticker.publish([Tick(chance.choice("AAAB"), "1.5") for _ in range(BATCH - 1)] + [Tick("A", "2")])
        times += [price.accept_time_ns for price in (await ticker.latest("A")).prices]
    return times


async def ticks_of(watch: Watch, start: int, end: int) -> Ticks:
    """Return the tick numbers of each stock that a watch replays, from one instant to another."""
    found: Ticks = defaultdict(list)
    async for event in watch:
        assert not isinstance(event, Gap)
        if isinstance(event, CaughtUp):
            break
        if isinstance(event, Update) and start <= event.accept_time_ns < end:
            found[event.stock_id].append(event.tick_number)
    return found


async def ticks_of_broken(watch: Watch, ticker: TickerClient, count: int, chance: random.Random) -> Ticks:
    """Return the first ticks that a watch brings while its stream is cut again and again."""
    found: Ticks = defaultdict(list)
    breaks: list[Disconnected] = []
    for taken in range(count):
        event = await next_update(watch, breaks)
        found[event.stock_id].append(event.tick_number)
        if chance.random() < 0.002 and taken < count - 1:
            for call in list(ticker._connection._line.channel._active_calls):  # type: ignore[union-attr]
                call.cancel()
            await asyncio.sleep(0)
    assert breaks
    return found


async def next_update(watch: Watch, breaks: list[Disconnected]) -> Update:
    """Return the next update, and note the breaks before it; a gap is a failure."""
    async for event in watch:
        assert not isinstance(event, Gap)
        if isinstance(event, Disconnected):
            breaks.append(event)
        if isinstance(event, Update):
            return event
    raise AssertionError("the watch ended too early")


@pytest.mark.parametrize("stock_ids", [("A", "B"), ("A", "B", "QUIET", "EMPTY"), ("*",)], ids=["busy", "some", "all"])
@pytest.mark.parametrize("ends", [True, False], ids=["with an end", "without"])
async def test_each_tick_comes_once_whatever_breaks(
    gateway: Gateway, stock_ids: tuple[str, ...], *, ends: bool
) -> None:
    """From the start to the end each tick comes once and in order, though the stream is cut again and again."""
    chance = random.Random(5)
    async with TickerClient(gateway.target) as publisher, TickerClient(gateway.target) as ticker:
        times = await publish_market(publisher, chance)
        start, end = times[3], times[-2] if ends else None
        async with publisher.watch("*", every_tick=True, start_time=1, reconnect=False) as whole:
            truth = await ticks_of(whole, start, end or 2**63)
        count = sum(map(len, truth.values()))
        async with (
            asyncio.timeout(30),
            ticker.watch(
                *stock_ids, every_tick=True, start_time=start, end_time=end, reconnect=QUICK, buffer_size=600
            ) as watch,
        ):
            found = await ticks_of_broken(watch, ticker, count, chance)
            if ends:
                assert not [event async for event in watch if isinstance(event, Update | Gap)]

    assert count > BATCH
    assert found == truth
