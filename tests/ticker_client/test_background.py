"""The event loop in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from ticker_client.background import BackgroundLoop
from ticker_client.errors import ClientMisused


async def thread_name() -> str:
    """Return in which thread this runs."""
    return threading.current_thread().name


@pytest.fixture
def loop() -> Iterator[BackgroundLoop]:
    """Return a loop that was entered."""
    loop = BackgroundLoop()
    loop.enter()
    yield loop
    loop.leave()


def test_a_coroutine_runs_in_the_thread_behind(loop: BackgroundLoop) -> None:
    """The result of a coroutine comes from the thread of the loop."""
    assert loop.run(thread_name()) == "ticker"


def test_the_last_to_leave_ends_the_thread() -> None:
    """All who enter share one thread; with the last one it goes, and the next one gets another."""
    loop = BackgroundLoop()
    for _ in range(2):
        loop.enter()
        loop.enter()
        assert [thread.name for thread in threading.enumerate()].count("ticker") == 1
        loop.leave()
        assert loop.run(thread_name()) == "ticker"
        loop.leave()
        assert "ticker" not in [thread.name for thread in threading.enumerate()]


def test_what_is_left_behind_is_cancelled() -> None:
    """A task that is still there at the end is cancelled, and not left pending."""
    loop, ends = BackgroundLoop(), list[str]()

    async def linger() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ends.append("cancelled")

    async def begin() -> asyncio.Task[None]:
        task = asyncio.create_task(linger())
        await asyncio.sleep(0)
        return task

    loop.enter()
    loop.run(begin())
    loop.leave()

    assert ends == ["cancelled"]


def test_nobody_waits_where_nothing_runs(loop: BackgroundLoop) -> None:
    """A call before entering, and one from the thread of the loop itself, raise instead of waiting for ever."""

    async def from_within() -> str:
        return loop.run(thread_name())

    with pytest.raises(ClientMisused):
        BackgroundLoop().run(thread_name())
    with pytest.raises(ClientMisused):
        loop.run(from_within())


def test_an_error_passes_through(loop: BackgroundLoop) -> None:
    """What a coroutine raises is raised to the one who waits."""

    async def fail() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        loop.run(fail())
