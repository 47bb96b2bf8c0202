"""Many watches at once on shared connections."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from ticker.v1 import watch_service_pb2

from tests.support.crowd import connections
from tests.support.figures import show_figure
from tests.support.process_figures import holdings_of
from tests.support.processes import running_server
from tests.support.wire import Response

WATCHES = 10_000
CONNECTIONS = 10
# The figure to compare with is 6 s, on a machine of one's own; here is only judged that all of them go live.
PATIENCE_SECONDS = 120.0

pytestmark = pytest.mark.timeout(200)


async def test_ten_thousand_watches_opened_at_once_all_go_live(tmp_path: Path) -> None:
    """Ten thousand watches opened at the same moment on a few connections all catch up, and all get the next tick."""
    async with AsyncExitStack() as stack, asyncio.timeout(PATIENCE_SECONDS):
        server = await stack.enter_async_context(running_server(tmp_path / "data"))
        crowd = await stack.enter_async_context(connections(server.target, CONNECTIONS))
        await crowd[0].create("AAPL")
        before = holdings_of(server.pid)
        began = time.monotonic()
        request = watch_service_pb2.WatchStocksRequest(stock_ids=["AAPL"], every_tick=True)
        calls = [crowd[number % CONNECTIONS].watches.WatchStocks(request) for number in range(WATCHES)]
        opened: list[Response] = await asyncio.gather(*(call.read() for call in calls))
        live = time.monotonic() - began
        after = holdings_of(server.pid)
        await crowd[0].publish("AAPL", "1.5")
        told = await asyncio.gather(*(next_update(call) for call in calls))
        everywhere = time.monotonic() - began - live
        show_figure("10,000 watches opened at once: live after, CPU of the server", live, after.cpu - before.cpu)
        show_figure("memory of the server for each", (after.memory - before.memory) / WATCHES / 1000, unit="kB")
        show_figure("one tick to all of them", everywhere)

    assert all(message.HasField("opened") and message.HasField("caught_up") for message in opened)
    assert told == [1] * WATCHES


async def next_update(call: Any) -> int:
    """Read on to the next update, past heartbeats, and return its tick number."""
    while not (message := await call.read()).updates:
        pass
    return int(message.updates[0].tick_number)
