"""A pace that several share, on a loop whose time is real."""

from __future__ import annotations

import asyncio

from ticker_server.feed.pace import Pace


async def test_work_takes_its_time() -> None:
    """Whoever has spent units waits as long as they take, and those who spend at the same time wait behind."""
    pace, now = Pace(1_000), asyncio.get_running_loop().time
    started = now()

    await asyncio.gather(pace.spend(20), pace.spend(30))

    assert now() - started >= 0.049


async def test_idle_time_is_not_saved_up() -> None:
    """Time in which nothing was spent lets nobody go faster later."""
    pace, now = Pace(1_000), asyncio.get_running_loop().time
    await pace.spend(1)
    await asyncio.sleep(0.03)
    started = now()

    await pace.spend(20)

    assert now() - started >= 0.019
