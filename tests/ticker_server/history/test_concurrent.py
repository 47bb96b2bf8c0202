"""Works side by side."""

from __future__ import annotations

import asyncio

import pytest

from ticker_server.history.concurrent import cancel, first_of


class Work:
    """A work that waits for ever and notes how it ended."""

    def __init__(self) -> None:
        self.ended = False

    async def run(self) -> None:
        """Wait."""
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            self.ended = True


async def test_the_first_that_ends_ends_all() -> None:
    """When one work is done, the others are ended before it is over."""
    other = Work()
    await first_of(other.run(), asyncio.sleep(0))

    assert other.ended


async def test_failure_is_told_after_the_others_have_ended() -> None:
    """What the first one raises is raised."""
    other = Work()

    async def fail() -> None:
        raise ValueError("first")

    with pytest.raises(ValueError, match="first"):
        await first_of(fail(), other.run())
    assert other.ended


async def test_cancellation_ends_all() -> None:
    """Who is cancelled has ended all the works before."""
    works = [Work(), Work()]
    task = asyncio.create_task(first_of(*(work.run() for work in works)))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await cancel(task)

    assert task.cancelled()
    assert all(work.ended for work in works)
