"""The gateway as a process of its own: its ready line, its signals, its exit codes, and what a kill leaves."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import grpc
import pytest
from ticker.v1 import price_service_pb2, subscription_service_pb2, tick_pb2, watch_service_pb2

from tests.support.gateways import running_gateway
from tests.support.processes import Server, clean_environment, run, running_server
from tests.support.wire import Stubs
from ticker_server.model.tick import Tick
from ticker_server.process import until_first_ends

ACCEPTED = price_service_pb2.PUBLISH_OUTCOME_ACCEPTED
DUPLICATE = price_service_pb2.PUBLISH_OUTCOME_DUPLICATE
QUICKLY = 2.0


class Stderr:
    """What a process writes to stderr."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.file = path.open("wb")

    def text(self) -> str:
        """Return what was written so far."""
        return self._path.read_text()


@pytest.fixture
def stderr(tmp_path: Path) -> Iterator[Stderr]:
    """Return a file for the errors of servers."""
    opened = Stderr(tmp_path / "stderr")
    yield opened
    opened.file.close()


@asynccontextmanager
async def served(data_dir: Path, stderr: Stderr) -> AsyncIterator[tuple[Server, Stubs]]:
    """Run a server and return it with the stubs of a channel to it."""
    async with (
        running_server(data_dir, errors=stderr.file.fileno()) as server,
        grpc.aio.insecure_channel(server.target) as channel,
    ):
        yield server, Stubs(channel)


async def end_quickly(server: Server, signum: int) -> int:
    """End a server by a signal; fail if that takes longer than a user would wait."""
    begun = time.monotonic()
    code = await server.end(signum)
    assert time.monotonic() - begun < QUICKLY
    return code


def ticks(publisher: str, first: int, last: int) -> price_service_pb2.PublishPricesRequest:
    """Return a publish of ticks that are safe to repeat; the price is the publisher's sequence."""
    return price_service_pb2.PublishPricesRequest(
        ticks=[
            tick_pb2.Tick(stock_id="AAPL", price=str(n), publisher_id=publisher, publisher_sequence=n)
            for n in range(first, last + 1)
        ]
    )


async def test_restart_keeps_everything(tmp_path: Path, stderr: Stderr) -> None:
    """SIGTERM and SIGINT end a server at once and as planned; the next one has stocks, wishes, prices and numbers."""
    async with served(tmp_path / "data", stderr) as (server, stubs):
        assert server.pid == server.process.pid
        assert server.target.startswith("127.0.0.1:")
        await stubs.create("AAPL", "MSFT")
        await stubs.add("ana", "AAPL")
        first = await stubs.prices.PublishPrices(ticks("feed", 1, 3))
        async with stubs.watch(user_ids=["ana"]) as stream:
            await stream.caught_up()

            assert await end_quickly(server, signal.SIGTERM) == 0

            assert await stream.read_to_end() is grpc.StatusCode.OK
            assert stream.messages[-1].go_away.reason == watch_service_pb2.GO_AWAY_REASON_DRAINING

    async with served(tmp_path / "data", stderr) as (server, stubs):
        wishes = await stubs.subscriptions.ListSubscriptions(
            subscription_service_pb2.ListSubscriptionsRequest(user_id="ana")
        )
        latest = await stubs.prices.GetLatestPrices(price_service_pb2.GetLatestPricesRequest())
        repeated = await stubs.prices.PublishPrices(ticks("feed", 2, 4))
        async with stubs.watch(user_ids=["ana"]) as stream:
            await stream.caught_up()
            snapshot = [update for message in stream.messages for update in message.updates]

        port = server.target.rpartition(":")[2]
        refused, no_port = await asyncio.gather(
            run("ticker-server", "serve", "--port", "0", "--data-dir", str(tmp_path / "data")),
            run("ticker-server", "serve", "--port", port, "--data-dir", str(tmp_path / "other")),
        )
        assert await stubs.publish("MSFT", "1") == [5]
        assert await end_quickly(server, signal.SIGINT) == 0

    assert [each.stock_id for each in wishes.subscriptions] == ["AAPL"]
    assert [(each.price, each.sequence, each.tick_number) for each in latest.prices] == [("3", 3, 3)]
    assert list(latest.unpriced_stock_ids) == ["MSFT"]
    assert latest.log_epoch == first.log_epoch == repeated.log_epoch
    assert [each.outcome for each in repeated.results] == [DUPLICATE, DUPLICATE, ACCEPTED]
    assert [each.sequence for each in repeated.results] == [0, 0, 4]
    assert [(each.price, each.sequence, each.tick_number) for each in snapshot] == [("4", 4, 4)]
    assert refused[:2] == (4, "")
    assert refused[2].startswith("error: DATA_DIRECTORY_UNUSABLE: ")
    assert no_port[:2] == (3, "")
    assert no_port[2].startswith(f"error: ADDRESS_UNUSABLE: address 127.0.0.1:{port} is in use")
    assert [text.count("\n") for text in (refused[2], no_port[2])] == [1, 1]
    assert stderr.text() == ""


async def test_second_signal_ends_at_once(tmp_path: Path, stderr: Stderr) -> None:
    """While a first signal waits for what is under way, a second one ends the process at once with 130."""
    data = tmp_path / "data"
    async with served(data, stderr) as (server, stubs):
        await stubs.create("AAPL")
        with closing(sqlite3.connect(data / "ticker.db", isolation_level=None)) as hanging:
            hanging.execute("BEGIN IMMEDIATE")
            publishing = asyncio.ensure_future(stubs.publish("AAPL", "1"))
            # By the time that a call which came later is answered, the publish has been taken.
            await stubs.prices.GetLatestPrices(price_service_pb2.GetLatestPricesRequest())
            server.process.send_signal(signal.SIGINT)

            assert await end_quickly(server, signal.SIGTERM) == 130
        with pytest.raises(grpc.aio.AioRpcError):
            await publishing
    assert "Traceback" not in stderr.text()


async def test_kill_loses_nothing_that_was_accepted(tmp_path: Path, stderr: Stderr) -> None:
    """After a kill in the middle of publishing each accepted tick is there once, and all can be repeated safely."""
    data = tmp_path / "data"
    accepted: dict[int, str] = {}
    enough = asyncio.Event()

    async def publish(stubs: Stubs, publisher: str) -> None:
        for first in range(1, 10**9, 20):
            request = ticks(publisher, first, first + 19)
            answer = await stubs.prices.PublishPrices(request)
            accepted.update(
                {result.sequence: tick.price for result, tick in zip(answer.results, request.ticks, strict=True)}
            )
            if len(accepted) > 2000:
                enough.set()

    async with served(data, stderr) as (server, stubs):
        await stubs.create("AAPL")
        publishers = [asyncio.create_task(publish(stubs, f"p{number}")) for number in range(8)]
        async with asyncio.timeout(20):
            await enough.wait()
        assert await server.end(signal.SIGKILL) == -signal.SIGKILL
        ends = await asyncio.gather(*publishers, return_exceptions=True)
    assert all(isinstance(end, grpc.aio.AioRpcError) for end in ends)

    async with running_gateway(data) as gateway:
        with closing(sqlite3.connect(data / "ticker.db")) as file:
            kept = dict(file.execute("SELECT sequence, price FROM price_tick"))
            numbers = [number for (number,) in file.execute("SELECT tick_number FROM price_tick ORDER BY sequence")]
        more = await gateway.price_log.publish([Tick("AAPL", "1", publisher_id="p0", publisher_sequence=1)])
        last = await gateway.price_log.publish([Tick("AAPL", "1")])

    assert accepted.items() <= kept.items()
    assert numbers == list(range(1, len(kept) + 1))
    assert more[0].sequence == 0
    assert last[0].sequence == len(kept) + 1


async def test_module_is_the_command() -> None:
    """`python -m ticker_server` is the same command."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ticker_server", "serve", "--host", "0.0.0.0"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=clean_environment(),
    )
    async with asyncio.timeout(30):
        output, errors = await process.communicate()

    assert (process.returncode, output) == (2, b"")
    assert errors.startswith(b"error: INVALID_SETTING: --host")


async def test_first_end_ends_the_others() -> None:
    """When the first of several works ends, the others are cancelled and have cleaned up before it is told."""
    cleaned: list[str] = []

    async def wait_for_ever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cleaned.append("up")

    async def end() -> None:
        await asyncio.sleep(0)

    await until_first_ends(wait_for_ever(), end(), wait_for_ever())

    assert cleaned == ["up", "up"]


async def test_first_error_is_raised() -> None:
    """What the first work to end has raised is raised."""

    async def fail() -> None:
        await asyncio.sleep(0)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await until_first_ends(asyncio.Event().wait(), fail())


async def test_cancelled_works_are_cancelled() -> None:
    """Who is cancelled while the works run takes them along."""
    cleaned: list[str] = []

    async def wait_for_ever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cleaned.append("up")

    running = asyncio.create_task(until_first_ends(wait_for_ever()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    running.cancel()
    await asyncio.wait([running])

    assert running.cancelled()
    assert cleaned == ["up"]
