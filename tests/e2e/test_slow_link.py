"""Bots behind 64 kbit/s: they stay connected, and what they get is new."""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from ticker.v1 import watch_service_pb2

from tests.support.crowd import connections
from tests.support.figures import show_figure
from tests.support.processes import running_server
from tests.support.tcp_proxy import proxy_to
from tests.support.wire import Stream, Stubs, seconds
from ticker_client.connection import channel_options

BYTES_PER_SECOND = 8_000.0
"""64 kbit/s, for each connection."""
STOCKS = [f"S{number}" for number in range(40)]
BEAT_SECONDS = 0.1
LAG_SECONDS = 3.0
SECONDS = 60.0 if os.environ.get("TICKER_TEST_FULL") else 9.0
WARM_UP_SECONDS = 4.0
# As many ticks may wait as there are stocks: with every tick the lag is that limit over the rate of the line.
PLACE = {"TICKER_MAX_PENDING_TICKS": str(len(STOCKS))}

pytestmark = pytest.mark.timeout(150)


@dataclass
class Bot:
    """A program that reads one watch: how old each LIVE update was when it had it, and which ticks it was told of."""

    stream: Stream
    ages: list[tuple[float, float]] = field(default_factory=list)
    accounted: dict[str, int] = field(default_factory=dict)
    gaps: int = 0

    async def read(self) -> None:
        """Read for ever; check that no tick number is jumped without a gap."""
        while True:
            message = await self.stream.read()
            for gap in message.gaps:
                assert gap.first_missing_tick_number == self.accounted.get(gap.stock_id, 0) + 1
                self.accounted[gap.stock_id] = gap.last_missing_tick_number
                self.gaps += 1
            for update in message.updates:
                assert update.tick_number > self.accounted.get(update.stock_id, 0)
                self.accounted[update.stock_id] = update.tick_number
                if message.kind == watch_service_pb2.UPDATE_KIND_LIVE:
                    self.ages.append((time.monotonic(), time.time() - update.accept_time.ToNanoseconds() / 1e9))

    def lag(self, since: float) -> float:
        """Return the greatest age, in seconds, of what came since an instant."""
        return max(age for at, age in self.ages if at >= since)


async def quote(publisher: Stubs) -> None:
    """Publish prices of all stocks, several times faster than the line carries them, for ever."""
    while True:
        await publisher.publish_each(STOCKS, "1.5")
        await asyncio.sleep(BEAT_SECONDS)


async def test_bots_behind_thin_lines_stay_connected_and_up_to_date(tmp_path: Path) -> None:
    """Three times more prices than 64 kbit/s carry: no stream breaks, and what the bots get is at most 3 s old."""
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(running_server(tmp_path / "data", environment=PLACE))
        proxy = stack.enter_context(proxy_to(int(server.target.rpartition(":")[2]), BYTES_PER_SECOND))
        (publisher,) = await stack.enter_async_context(connections(server.target, 1))
        await publisher.create(*STOCKS)
        near = await stack.enter_async_context(connections(f"127.0.0.1:{proxy.port}", 2, channel_options()))
        wishes = ({"every_tick": True}, {"frequency": seconds(BEAT_SECONDS)})
        bots = [
            Bot(await stack.enter_async_context(stubs.watch(stock_ids=STOCKS, **wish)))
            for stubs, wish in zip(near, wishes, strict=True)
        ]
        works = [asyncio.create_task(work) for work in (quote(publisher), *(bot.read() for bot in bots))]
        began = time.monotonic()
        ended, _ = await asyncio.wait(works, timeout=SECONDS, return_when=asyncio.FIRST_EXCEPTION)
        lags = [bot.lag(began + WARM_UP_SECONDS) for bot in bots]
        for work in works:
            work.cancel()
        await asyncio.wait(works)

    every_tick, frequency = bots
    show_figure("oldest update behind 64 kbit/s: every tick, frequency", *lags)
    show_figure("updates: every tick, frequency", *(len(bot.ages) for bot in bots), unit="")
    assert not ended, [work.exception() for work in ended]
    assert max(lags) <= LAG_SECONDS
    assert every_tick.gaps
    assert not frequency.gaps
