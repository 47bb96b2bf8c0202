"""SIGTERM with many watches open: all end as planned, the process ends, and readers come back without a gap."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from ticker.v1 import watch_service_pb2

from scripts.kafka_cluster.ports import free_ports
from tests.support.crowd import SMALL_WINDOW, connections
from tests.support.figures import show_figure
from tests.support.processes import Server, running_server
from tests.support.wire import Stream
from ticker_client import CaughtUp, Event, GoAway, GoAwayReason, Reconnected, Tick, TickerClient, Update, Watch

CLIENTS, WATCHES_EACH = 4, 100
STREAMS = 100
SPREAD_SECONDS = 10
# Below the 10 s that a drain may take at most: it is over with the last watch, whoever else is connected.
EXIT_SECONDS = 8.0
PATIENCE_SECONDS = 90.0
PAUSE_SECONDS = 0.25
DRAINING = watch_service_pb2.GO_AWAY_REASON_DRAINING

pytestmark = pytest.mark.timeout(150)


@dataclass
class Reader:
    """A program that reads one watch: the numbers it got, and what else it was told."""

    watch: Watch
    numbers: list[int] = field(default_factory=list)
    told: list[Event] = field(default_factory=list)
    came: asyncio.Event = field(default_factory=asyncio.Event)

    async def read(self, last: int) -> None:
        """Read until the tick of a number came."""
        async for event in self.watch:
            if isinstance(event, Update):
                self.numbers.append(event.tick_number)
            else:
                self.told.append(event)
            if self.numbers and self.numbers[-1] >= last:
                return


async def quote(publisher: TickerClient, count: int) -> None:
    """Publish so many prices of AAPL, one after the other; the SDK repeats what a restart interrupts."""
    for number in range(count):
        await publisher.publish([Tick("AAPL", Decimal(number + 1))])
        await asyncio.sleep(PAUSE_SECONDS)


async def health_until_the_end(stubs: health_pb2_grpc.HealthStub) -> list[int]:
    """Return each status that a health watch was told."""
    statuses = []
    try:
        async for answer in stubs.Watch(health_pb2.HealthCheckRequest()):
            statuses.append(answer.status)  # noqa: PERF401 - what came before the break counts
    except grpc.aio.AioRpcError:
        pass  # the server is gone
    return statuses


async def end_of(server: Server) -> float:
    """Send SIGTERM; return after how many seconds the process was gone. It exits with 0."""
    began = time.monotonic()
    assert await server.end() == 0
    return time.monotonic() - began


async def test_five_hundred_watches_end_as_planned_and_come_back(tmp_path: Path) -> None:
    """SIGTERM ends 500 watches with OK and a go_away each, spread over 10 s; after a restart nothing is missing."""
    port = free_ports(1)[0]
    place = (tmp_path / "data", "--port", str(port))
    async with AsyncExitStack() as stack, asyncio.timeout(PATIENCE_SECONDS):
        server = await stack.enter_async_context(running_server(*place))
        clients = [await stack.enter_async_context(TickerClient(server.target)) for _ in range(CLIENTS + 1)]
        publisher = clients.pop()
        await publisher.create_stock("AAPL")
        await quote(publisher, 1)
        readers = [Reader(client.watch("AAPL", every_tick=True)) for client in clients for _ in range(WATCHES_EACH)]
        await asyncio.gather(*(stack.enter_async_context(reader.watch) for reader in readers))
        reading = [asyncio.create_task(reader.read(last=41)) for reader in readers]
        (stubs,) = await stack.enter_async_context(connections(server.target, 1))
        streams = [
            await stack.enter_async_context(stubs.watch(stock_ids=["AAPL"], every_tick=True)) for _ in range(STREAMS)
        ]
        await asyncio.gather(*(stream.caught_up() for stream in streams))
        channel = await stack.enter_async_context(grpc.aio.insecure_channel(server.target))
        health = asyncio.create_task(health_until_the_end(health_pb2_grpc.HealthStub(channel)))
        quoting = asyncio.create_task(quote(publisher, 40))
        await asyncio.gather(*(stream.updates(3) for stream in streams))

        took, *codes = await asyncio.gather(end_of(server), *(stream.read_to_end() for stream in streams))
        again = await stack.enter_async_context(running_server(*place))
        await asyncio.gather(quoting, *reading)
        show_figure("process gone after SIGTERM with 500 watches", took)
        assert await health == [health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING]

    assert again.target == server.target
    assert took < EXIT_SECONDS
    assert codes == [grpc.StatusCode.OK] * STREAMS
    assert all(stream.messages[-1].go_away.reason == DRAINING for stream in streams)
    farewells = [next(event for event in reader.told if isinstance(event, GoAway)) for reader in readers]
    assert {farewell.reason for farewell in farewells} == {GoAwayReason.DRAINING}
    assert_spread(
        [farewell.reconnect_after.total_seconds() for farewell in farewells if farewell.reconnect_after is not None]
        + [stream.messages[-1].go_away.reconnect_after.ToNanoseconds() / 1e9 for stream in streams]
    )
    for reader in readers:
        assert [type(event) for event in reader.told] == [CaughtUp, GoAway, CaughtUp, Reconnected]
        assert reader.numbers == list(range(1, 42))


def assert_spread(seconds: list[float]) -> None:
    """Check that times to come back were drawn evenly: of 500, some 50 are in each second; below 20 is no chance."""
    assert len(seconds) == CLIENTS * WATCHES_EACH + STREAMS
    assert min(seconds) >= 0
    assert max(seconds) < SPREAD_SECONDS
    by_second = [sum(int(each) == second for each in seconds) for second in range(SPREAD_SECONDS)]
    show_figure("readers to come back in each second after a drain", *by_second, unit="")
    assert min(by_second) >= 20


async def test_reader_that_does_not_read_holds_no_exit_up(tmp_path: Path) -> None:
    """One reader that does not read costs a drain its seconds and no more; the others have long gone by then."""
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(running_server(tmp_path / "data", "--drain-seconds", "2"))
        ((stubs,), (other,)) = (
            await stack.enter_async_context(connections(server.target, 1, SMALL_WINDOW)),
            await stack.enter_async_context(connections(server.target, 1)),
        )
        await other.create("AAPL")
        stalled = await stack.enter_async_context(stubs.watch(stock_ids=["AAPL"], every_tick=True))
        await stalled.caught_up()
        for _ in range(3):
            await other.publish("AAPL", *["1.5"] * 1000)
        reader = await stack.enter_async_context(other.watch(stock_ids=["AAPL"], every_tick=True))
        await reader.caught_up()

        took, read_in = await asyncio.gather(end_of(server), end_of_stream(reader))
        show_figure("process gone after SIGTERM with a stalled reader, drain of 2 s", took)

    assert reader.messages[-1].go_away.reason == DRAINING
    assert read_in < took
    assert took < EXIT_SECONDS


async def end_of_stream(stream: Stream) -> float:
    """Read a stream to its end, which is OK; return after how many seconds that came."""
    began = time.monotonic()
    assert await stream.read_to_end() is grpc.StatusCode.OK
    return time.monotonic() - began
