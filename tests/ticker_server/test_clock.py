from __future__ import annotations

import asyncio
import time

from ticker_server.clock import SystemClock


def test_clocks_are_those_of_the_machine() -> None:
    """Wall and monotonic time are nanoseconds of the machine's clocks."""
    clock = SystemClock()

    before = time.time_ns(), time.monotonic_ns()
    read = clock.wall(), clock.monotonic()
    after = time.time_ns(), time.monotonic_ns()

    assert before[0] <= read[0] <= after[0]
    assert before[1] <= read[1] <= after[1]


async def test_call_at_a_deadline() -> None:
    """A call is made in the loop once the deadline has come, not before."""
    clock = SystemClock()
    called: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    deadline = clock.monotonic() + 20_000_000

    clock.call_at(deadline, lambda: called.set_result(clock.monotonic()))

    assert await called >= deadline - 1_000_000  # the loop's timers are as exact as its clock


async def test_past_deadline() -> None:
    """A call whose deadline is over is made in the next turn of the loop, not at once."""
    clock = SystemClock()
    called: list[bool] = []

    clock.call_at(clock.monotonic() - 10**9, lambda: called.append(True))

    assert not called
    async with asyncio.timeout(5):
        while not called:  # noqa: ASYNC110 - the call has no event
            await asyncio.sleep(0)


async def test_cancelled_call() -> None:
    """A call that was cancelled is never made, also if it was due already."""
    clock = SystemClock()
    called: list[bool] = []

    clock.call_at(clock.monotonic(), lambda: called.append(True)).cancel()
    for _ in range(3):
        await asyncio.sleep(0)

    assert not called
