from __future__ import annotations

import asyncio

import pytest

from ticker_server.app.parts import Parts


async def forever() -> None:
    """Run until cancelled."""
    await asyncio.Event().wait()


async def test_work_is_cancelled_in_reverse_order() -> None:
    """At the end the work that was started last ends first."""
    ended: list[str] = []

    async def work(name: str) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(name)

    async with Parts() as parts:
        for name in ("first", "second"):
            parts.run(name, work(name))
        await asyncio.sleep(0)

    assert ended == ["second", "first"]


async def test_work_that_can_be_stopped_is_not_cancelled() -> None:
    """Work with a stop of its own is asked to stop, and waited for."""
    stop, finished = asyncio.Event(), False

    async def work() -> None:
        nonlocal finished
        await stop.wait()
        finished = True

    async with Parts() as parts:
        parts.run("work", work(), stop=stop.set)

    assert finished


async def test_failure_is_raised() -> None:
    """What ends a part that should run on is raised, whichever it is; a part that just ends is a failure too."""

    async def fail() -> None:
        raise ZeroDivisionError

    async def end() -> None:
        return

    async with Parts() as parts:
        parts.run("forever", forever())
        parts.run("failing", fail())
        with pytest.raises(ZeroDivisionError):
            await parts.failed()
    async with Parts() as parts:
        parts.run("feed", end())
        with pytest.raises(RuntimeError, match="feed ended by itself"):
            await parts.failed()
