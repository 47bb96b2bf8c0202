"""A link that is cut without a word: both ends notice, and the reader goes on when it is back."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import pytest

from tests.support.deployments import until
from tests.support.figures import show_figure
from tests.support.namespaces import linked_namespace, why_not
from tests.support.process_figures import holdings_of
from tests.support.processes import running_server
from tests.support.tcp_proxy import proxy_to
from ticker_client import Disconnected, Gap, Reconnected, Tick, TickerClient, Update, Watch
from ticker_server.settings import Transport

REPORT_SECONDS = 16.0
FREE_SECONDS = 35.0
RESUME_SECONDS = 5.0
# A timer of ours may be late on a busy machine.
LATE_SECONDS = 1.0
PAUSE_SECONDS = 0.5

pytestmark = pytest.mark.timeout(150)


@pytest.fixture(autouse=True)
def transport() -> None:
    """Nothing is chosen for all: most of the time passes in waiting, so both transports wait together."""


@dataclass
class Reader:
    """A program that reads one watch, and notes when it is told that prices do not come, and that they do again."""

    watch: Watch
    numbers: list[int] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    reported: list[float] = field(default_factory=list)
    resumed: list[float] = field(default_factory=list)

    async def read(self) -> None:
        """Read for ever."""
        async for event in self.watch:
            match event:
                case Update():
                    self.numbers.append(event.tick_number)
                case Gap():
                    self.gaps.append(event)
                case Disconnected():
                    self.reported.append(time.monotonic())
                case Reconnected():
                    self.resumed.append(time.monotonic())


async def follow(stack: AsyncExitStack, target: str, stock_id: str) -> Reader:
    """Let a reader with a connection of its own follow a stock, until the stack is left."""
    client = await stack.enter_async_context(TickerClient(target))
    reader = Reader(await stack.enter_async_context(client.watch(stock_id, every_tick=True)))
    await reader.watch.ready()
    reading = asyncio.create_task(reader.read())
    stack.push_async_callback(asyncio.wait, [reading])
    stack.callback(reading.cancel)
    return reader


async def quote(publisher: TickerClient) -> None:
    """Publish a price of AAPL now and again, for ever."""
    number = 0
    while True:
        number += 1
        await publisher.publish([Tick("AAPL", Decimal(number))])
        await asyncio.sleep(PAUSE_SECONDS)


async def lose_and_find(pid: int, readers: list[Reader], cut: Callable[[], None], heal: Callable[[], None]) -> None:
    """Cut a link and heal it once the server has freed its readers; check when each end noticed."""
    files = holdings_of(pid).files
    cut()
    began = time.monotonic()
    await until(
        lambda: holdings_of(pid).files <= files - len(readers), "the server frees all", FREE_SECONDS + LATE_SECONDS
    )
    freed = time.monotonic() - began
    await until(lambda: all(reader.reported for reader in readers), "all report", REPORT_SECONDS + LATE_SECONDS)
    heal()
    healed = time.monotonic()
    await until(lambda: all(reader.resumed for reader in readers), "all resume", RESUME_SECONDS + 5 * LATE_SECONDS)

    reported = [reader.reported[0] - began for reader in readers]
    resumed = [reader.resumed[0] - healed for reader in readers]
    show_figure("after the cut: the SDK reported it", *reported)
    show_figure("after the cut: the server had freed all", freed)
    show_figure("after the link was back: resumed", *resumed)
    assert max(reported) <= REPORT_SECONDS + LATE_SECONDS
    assert freed <= FREE_SECONDS
    assert max(resumed) <= RESUME_SECONDS + LATE_SECONDS
    assert [len(reader.reported) for reader in readers] == [1] * len(readers)


async def lose_through_proxy(data_dir: Path, transport: Transport) -> None:
    """Let a proxy go silent before a server of a transport, and check both ends and the ticks."""
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(running_server(data_dir, "--transport", transport))
        proxy = stack.enter_context(proxy_to(int(server.target.rpartition(":")[2])))
        publisher = await stack.enter_async_context(TickerClient(server.target))
        for stock_id in ("AAPL", "IDLE"):
            await publisher.create_stock(stock_id)
        readers = [await follow(stack, f"127.0.0.1:{proxy.port}", stock_id) for stock_id in ("AAPL", "IDLE")]
        quoting = asyncio.create_task(quote(publisher))
        stack.push_async_callback(asyncio.wait, [quoting])
        stack.callback(quoting.cancel)
        active, idle = readers
        await until(lambda: len(active.numbers) > 3, "ticks come", 10)

        await lose_and_find(server.pid, readers, proxy.cut, proxy.heal)
        seen = len(active.numbers)
        await until(lambda: len(active.numbers) > seen + 3, "ticks come again", 10)

    assert active.numbers == list(range(1, len(active.numbers) + 1))
    assert len(active.numbers) > 30
    assert not active.gaps
    assert not idle.numbers


async def test_both_ends_notice_a_link_that_was_cut(tmp_path: Path) -> None:
    """Through a proxy that goes silent: the SDK says so in 16 s, the server frees all in 35 s, and nothing is missed."""
    async with asyncio.TaskGroup() as group:
        for transport in Transport:
            group.create_task(lose_through_proxy(tmp_path / transport, transport))


@pytest.mark.parametrize("transport", Transport, ids=str)
@pytest.mark.skipif("TICKER_TEST_FULL" not in os.environ, reason="the proxy shows the same; set TICKER_TEST_FULL=1")
async def test_both_ends_notice_a_network_that_was_cut(tmp_path: Path, transport: Transport) -> None:
    """The same through network namespaces, where packets are lost and not only held back."""
    if reason := why_not():
        pytest.skip(reason)
    async with AsyncExitStack() as stack:
        link = stack.enter_context(linked_namespace())
        place = ("--host", link.address, "--allow-insecure", "--transport", transport)
        server = await stack.enter_async_context(running_server(tmp_path / "data", *place, inside=link.inside))
        publisher = await stack.enter_async_context(TickerClient(server.target))
        for stock_id in ("AAPL", "IDLE"):
            await publisher.create_stock(stock_id)
        readers = [await follow(stack, server.target, stock_id) for stock_id in ("AAPL", "IDLE")]
        for number in range(5):
            await publisher.publish([Tick("AAPL", Decimal(number + 1))])
        await until(lambda: len(readers[0].numbers) == 5, "ticks come", 10)

        await lose_and_find(server.pid, readers, link.cut, link.heal)
        await publisher.publish([Tick("AAPL", Decimal(6))])
        await until(lambda: len(readers[0].numbers) == 6, "ticks come again", 10)

    assert readers[0].numbers == [1, 2, 3, 4, 5, 6]
    assert not readers[0].gaps
