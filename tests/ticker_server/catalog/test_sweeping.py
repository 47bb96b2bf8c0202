"""Work that is done after nudges and every so often."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from structlog.testing import capture_logs

from ticker_server.catalog.sweeping import Sweep

NEVER = 3600.0


class Work:
    """Counts its calls, and answers or fails as it is set to."""

    def __init__(self) -> None:
        self.calls = 0
        self.outcome: bool | Exception = True
        self._called = asyncio.Event()

    async def __call__(self) -> bool:
        """Do as set."""
        self.calls += 1
        self._called.set()
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome

    async def next_call(self) -> None:
        """Wait until it is called from now on, and has come back."""
        self._called.clear()
        await self._called.wait()
        await asyncio.sleep(0)  # let the sweep take the answer in


@asynccontextmanager
async def running(sweep: Sweep) -> AsyncIterator[None]:
    """Run a sweep until the end of the block."""
    task = asyncio.create_task(sweep.run())
    try:
        yield
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_work_is_done_at_the_start_and_after_each_nudge() -> None:
    """A sweep works at once when it begins and when it is nudged, and not otherwise before its time."""
    work = Work()
    sweep = Sweep("work", work, seconds=NEVER)
    async with running(sweep):
        await work.next_call()
        for _ in range(3):
            sweep.nudge()
            await work.next_call()

    assert work.calls == 4


async def test_nudge_during_the_work_counts() -> None:
    """What comes up while the work is under way is done in another turn."""
    calls = 0
    twice = asyncio.Event()

    async def work() -> bool:
        nonlocal calls
        calls += 1
        if calls == 1:
            sweep.nudge()
        else:
            twice.set()
        return True

    sweep = Sweep("work", work, seconds=NEVER)
    async with running(sweep):
        await twice.wait()

    assert calls == 2


async def test_work_is_done_without_a_nudge() -> None:
    """A sweep works every so often by itself."""
    work = Work()
    async with running(Sweep("work", work, seconds=0.001)):
        for _ in range(3):
            await work.next_call()


async def test_outage_is_logged_at_its_ends() -> None:
    """The first failure and the first success after it are logged; what can tell neither leaves it open."""
    work = Work()
    work.outcome = ZeroDivisionError("gone")
    with capture_logs() as logs:
        async with running(Sweep("work", work, seconds=0.001)):
            for outcome in (work.outcome, False, ZeroDivisionError("gone"), True, True):
                work.outcome = outcome
                await work.next_call()

    assert [(entry["event"], entry.get("error")) for entry in logs] == [
        ("work stalled", "ZeroDivisionError('gone')"),
        ("work goes on", None),
    ]


async def test_failing_work_waits_for_its_time() -> None:
    """After a failure nudges change nothing until the next sweep."""
    work = Work()
    work.outcome = ZeroDivisionError()
    sweep = Sweep("work", work, seconds=NEVER)
    async with running(sweep):
        await work.next_call()
        for _ in range(5):
            sweep.nudge()
            await asyncio.sleep(0)  # let it have the nudge

    assert sweep.stalled
    assert work.calls == 1
