"""A reader that stops reading costs only itself."""

from __future__ import annotations

import resource
from contextlib import AsyncExitStack
from pathlib import Path

import grpc
from ticker.v1 import watch_service_pb2

from tests.support.gateways import running_gateway
from tests.support.processes import running_server
from tests.support.virtual_clock import SECOND, VirtualClock
from tests.support.wire import Stubs, seconds

SMALL_WINDOW = (
    ("grpc.http2.bdp_probe", 0),
    ("grpc.http2.lookahead_bytes", 16384),
    ("grpc.use_local_subchannel_pool", 1),
)
LAGGED = watch_service_pb2.GAP_REASON_READER_LAGGED


async def test_frequency_reader_that_stopped_gets_the_newest_of_each_stock(tmp_path: Path) -> None:
    """A frequency watch that was not read for ten seconds soon has every stock's newest price; others get all."""
    clock = VirtualClock()
    stock_ids = [f"S{number}" for number in range(200)]
    async with (
        running_gateway(tmp_path / "data", clock=clock) as running,
        grpc.aio.insecure_channel(running.target, options=SMALL_WINDOW) as channel,
        grpc.aio.insecure_channel(running.target) as other,
    ):
        stubs, publisher = Stubs(channel), Stubs(other)
        await publisher.create(*stock_ids)
        async with (
            stubs.watch(stock_ids=stock_ids, frequency=seconds(0.1)) as slow,
            publisher.watch(stock_ids=["S0"], every_tick=True) as fast,
        ):
            await slow.caught_up()
            await fast.caught_up()
            for _ in range(100):
                await publisher.publish_each(stock_ids, "1.5")
                clock.advance(0.1)
            newest: dict[str, int] = {}
            read_until = clock.wall() + 2 * SECOND
            while set(newest.values()) != {100} or len(newest) < len(stock_ids):
                clock.advance(0.1)
                newest |= {update.stock_id: update.tick_number for update in (await slow.read()).updates}
            fast_updates = await fast.updates(100)

    assert clock.wall() <= read_until
    assert [update.tick_number for update in fast_updates] == list(range(1, 101))


async def test_server_does_not_grow_for_readers_that_stopped(tmp_path: Path) -> None:
    """Twenty frequency watches that are never read cost the server less than a megabyte each."""
    busy = await memory_growth(tmp_path / "busy", readers=20)
    calm = await memory_growth(tmp_path / "calm", readers=0)

    assert busy - calm < 20 * 1_000_000


async def memory_growth(data_dir: Path, *, readers: int) -> int:
    """Return by how many bytes a server of its own grows while the same ticks pass some readers that do not read."""
    stock_ids = [f"S{number}" for number in range(100)]
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(running_server(data_dir))
        publisher = Stubs(await stack.enter_async_context(grpc.aio.insecure_channel(server.target)))
        await publisher.create(*stock_ids)
        await publisher.publish_each(stock_ids, "1.5")
        for _ in range(readers):
            channel = await stack.enter_async_context(grpc.aio.insecure_channel(server.target, options=SMALL_WINDOW))
            watch = Stubs(channel).watch(stock_ids=stock_ids, frequency=seconds(0.1))
            await (await stack.enter_async_context(watch)).caught_up()
        before = resident_bytes(server.pid)
        # Each of these waits for the disk, so together they span many beats of 100 ms.
        for _ in range(150):
            await publisher.publish_each(stock_ids, "1.5")
        return resident_bytes(server.pid) - before


def resident_bytes(pid: int) -> int:
    """Return the resident memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()


async def test_lagging_every_tick_reader_is_told_exactly_what_it_missed(tmp_path: Path) -> None:
    """With LAG_POLICY_CONFLATE a reader that stopped gets gaps that name exactly the ticks that did not come."""
    async with (
        running_gateway(tmp_path / "data", max_pending_ticks=500) as running,
        grpc.aio.insecure_channel(running.target, options=SMALL_WINDOW) as channel,
        grpc.aio.insecure_channel(running.target) as other,
    ):
        stubs, publisher = Stubs(channel), Stubs(other)
        await publisher.create("AAPL")
        async with stubs.watch(stock_ids=["AAPL"], every_tick=True) as slow:
            await slow.caught_up()
            for _ in range(20):
                await publisher.publish("AAPL", *["1.5"] * 1000)
            seen: list[int] = []
            missed: list[int] = []
            reasons: set[int] = set()
            while not seen or seen[-1] < 20_000:
                message = await slow.read()
                for gap in message.gaps:
                    missed += range(gap.first_missing_tick_number, gap.last_missing_tick_number + 1)
                    reasons.add(gap.reason)
                seen += [update.tick_number for update in message.updates]

    assert missed
    assert reasons == {LAGGED}
    assert sorted(seen + missed) == list(range(1, 20_001))
    assert seen == sorted(seen)


async def test_lagging_reader_with_disconnect_is_ended_with_a_reason(tmp_path: Path) -> None:
    """With LAG_POLICY_DISCONNECT a reader that is too slow ends with READER_TOO_SLOW once it reads again."""
    async with (
        running_gateway(tmp_path / "data", max_pending_ticks=500) as running,
        grpc.aio.insecure_channel(running.target, options=SMALL_WINDOW) as channel,
        grpc.aio.insecure_channel(running.target) as other,
    ):
        stubs, publisher = Stubs(channel), Stubs(other)
        await publisher.create("AAPL")
        policy = watch_service_pb2.LAG_POLICY_DISCONNECT
        async with stubs.watch(stock_ids=["AAPL"], every_tick=True, lag_policy=policy) as slow:
            await slow.caught_up()
            for _ in range(20):
                await publisher.publish("AAPL", *["1.5"] * 1000)
            code = await slow.read_to_end()
            details = await slow.call.details()

    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert details.startswith("READER_TOO_SLOW: ")
