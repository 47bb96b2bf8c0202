"""Readers that sleep, never read or have stalled, beside one that is fast: it does not notice, and the server stays small."""

from __future__ import annotations

import asyncio
import gc
import os
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import pytest
from ticker.v1 import watch_service_pb2

from tests.support.crowd import SMALL_WINDOW, connections
from tests.support.figures import show_figure
from tests.support.gateways import running_gateway
from tests.support.process_figures import holdings_of
from tests.support.processes import running_server
from tests.support.wire import Stream, Stubs, seconds
from ticker_server.fanout.watch import Watch

SLEEP_SECONDS = 30.0 if os.environ.get("TICKER_TEST_FULL") else 5.0
SLEEPERS = 20
NEVER_READING = 100
STALLED = 200
STOCKS = [f"S{number}" for number in range(100)]
BEAT_SECONDS = 0.1
WAKE_SECONDS = 2.0
PATIENCE_SECONDS = 20.0
# A machine with other work is late now and then; one that waits for a slow reader is late by seconds.
LEAST_P99_SECONDS = 0.5

pytestmark = pytest.mark.timeout(150)


class Fast:
    """A reader of every tick of one stock: how late each came."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self.late: list[float] = []

    async def read(self) -> None:
        """Read for ever."""
        while True:
            message = await self._stream.read()
            now = time.time()
            self.late += [now - update.accept_time.ToNanoseconds() / 1e9 for update in message.updates]

    def p99(self) -> float:
        """Return the lateness in seconds of all but the latest of a hundred since the last call."""
        taken, self.late = sorted(self.late), []
        return taken[len(taken) * 99 // 100]


@asynccontextmanager
async def running(*works: asyncio.Task[None]) -> AsyncIterator[None]:
    """Let works go on for the time of the block, and fail with them."""
    try:
        yield
    finally:
        ended = [work for work in works if work.done()]
        for work in works:
            work.cancel()
        await asyncio.wait(works)
    for work in ended:
        work.result()


async def quote(publisher: Stubs) -> None:
    """Publish prices of all stocks, for ever."""
    while True:
        await publisher.publish_each(STOCKS, "1.5")
        await asyncio.sleep(BEAT_SECONDS)


async def newest(stubs: Stubs) -> dict[str, int]:
    """Return the newest tick number of each stock."""
    async with stubs.watch(stock_ids=STOCKS, frequency=seconds(BEAT_SECONDS)) as stream:
        await stream.caught_up()
    return {update.stock_id: update.tick_number for message in stream.messages for update in message.updates}


async def wake(stream: Stream, goal: dict[str, int]) -> float:
    """Read again until each stock is as new as the goal; return after how many seconds that was."""
    began = time.monotonic()
    behind = dict(goal)
    while behind:
        for update in (await stream.read()).updates:
            if update.tick_number >= behind.get(update.stock_id, update.tick_number + 1):
                del behind[update.stock_id]
    return time.monotonic() - began


async def test_sleepers_wake_to_the_newest_prices(tmp_path: Path) -> None:
    """Beside readers that sleep or never read a fast one is as fast as before; who wakes has all that is new in 2 s."""
    async with (
        running_server(tmp_path / "data") as server,
        connections(server.target, 2) as (publisher, shared),
        connections(server.target, SLEEPERS, SMALL_WINDOW) as own,
    ):
        await publisher.create(*STOCKS)
        async with shared.watch(stock_ids=STOCKS[:1], every_tick=True) as stream:
            await stream.caught_up()
            fast = Fast(stream)
            async with running(asyncio.create_task(quote(publisher)), asyncio.create_task(fast.read())):
                # The same ticks pass before as beside the sleepers: what is kept of ticks grows with them.
                first = holdings_of(server.pid)
                await asyncio.sleep(SLEEP_SECONDS)
                calm, before = fast.p99(), holdings_of(server.pid)
                sleepers = [await sleeper(stubs) for stubs in own]
                await asyncio.sleep(SLEEP_SECONDS)
                beside_sleepers, after = fast.p99(), holdings_of(server.pid)
                goal = await newest(publisher)
                woke = await asyncio.gather(*(wake(each, goal) for each in sleepers))

                never = [await sleeper(shared) for _ in range(NEVER_READING)]
                fast.p99()
                await asyncio.sleep(SLEEP_SECONDS / 2)
                beside_never = fast.p99()
        for each in (*sleepers, *never):
            each.call.cancel()

    grew = ((after.memory - before.memory) - (before.memory - first.memory)) / SLEEPERS
    show_figure("a sleeper woke and had all that is new after", *woke)
    show_figure("the server grew for each sleeper by", grew / 1e6, unit="MB")
    show_figure(
        "p99 of the fast reader: alone, beside sleepers, beside 100 on its connection",
        *_of(calm, beside_sleepers, beside_never),
        unit="ms",
    )
    assert max(woke) <= WAKE_SECONDS
    assert grew < 1_000_000
    assert max(beside_sleepers, beside_never) < max(2 * calm, LEAST_P99_SECONDS)


async def sleeper(stubs: Stubs) -> Stream:
    """Open a watch of all stocks that is read until it has caught up, and no further."""
    call = stubs.watches.WatchStocks(
        watch_service_pb2.WatchStocksRequest(stock_ids=STOCKS, frequency=seconds(BEAT_SECONDS))
    )
    return await Stream(call).caught_up()


def _of(*lengths: float) -> Sequence[float]:
    """Return lengths in milliseconds."""
    return [1000 * length for length in lengths]


async def test_stalled_readers_end_and_leave_nothing(tmp_path: Path) -> None:
    """200 readers that stalled are ended by their own policy while nobody reads; no watch is left, and the fast one goes on."""
    async with (
        running_gateway(tmp_path / "data", max_pending_ticks=500) as gateway,
        connections(gateway.target, 1) as (other,),
        connections(gateway.target, 8, SMALL_WINDOW) as crowd,
    ):
        await other.create("AAPL")
        async with other.watch(stock_ids=["AAPL"], every_tick=True) as fast:
            await fast.caught_up()
            watches = of_watches()
            stalled = [await stall(crowd[number % 8]) for number in range(STALLED)]
            assert of_watches() == watches + STALLED
            for number in range(8):
                await other.publish("AAPL", *["1.5"] * 300)
                await fast.updates(300)
                if number == 0:
                    assert of_watches() == watches + STALLED  # as long as they are within their limit
            async with asyncio.timeout(PATIENCE_SECONDS):
                while of_watches() > watches:  # noqa: ASYNC110 - it is what the test is about, and has no event
                    await asyncio.sleep(0.05)

            codes = await asyncio.gather(*(stream.read_to_end() for stream in stalled))
            await other.publish("AAPL", "2.5")
            await fast.updates(1)

    assert codes == [grpc.StatusCode.RESOURCE_EXHAUSTED] * STALLED


async def stall(stubs: Stubs) -> Stream:
    """Open a watch that wants every tick or its end, is read until it has caught up, and no further."""
    policy = watch_service_pb2.LAG_POLICY_DISCONNECT
    request = watch_service_pb2.WatchStocksRequest(stock_ids=["AAPL"], every_tick=True, lag_policy=policy)
    return await Stream(stubs.watches.WatchStocks(request)).caught_up()


def of_watches() -> int:
    """Return how many watches are in memory."""
    return sum(isinstance(each, Watch) for each in gc.get_objects())
