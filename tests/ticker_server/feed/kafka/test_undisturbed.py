"""What is cancelled only after its end."""

from __future__ import annotations

import asyncio

import pytest

from ticker_server.feed.kafka.undisturbed import undisturbed


async def test_result_is_passed_on() -> None:
    """Without a cancellation it is as if it were awaited directly."""

    async def work() -> str:
        return "done"

    assert await undisturbed(work()) == "done"


async def test_error_is_passed_on() -> None:
    """What the work raises is raised."""

    async def work() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        await undisturbed(work())


@pytest.mark.parametrize("failure", [None, KeyError("x")])
async def test_cancellation_waits_for_the_end(failure: Exception | None) -> None:
    """Who cancels waits until the work has ended, well or not, and is then obeyed."""
    begun, end, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def work() -> None:
        begun.set()
        await end.wait()
        ended.set()
        if failure is not None:
            raise failure

    caller = asyncio.create_task(undisturbed(work()))
    await begun.wait()
    caller.cancel()
    done, _ = await asyncio.wait({caller}, timeout=0)
    assert not done

    end.set()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert ended.is_set()


async def test_cancelled_more_than_once() -> None:
    """Who cancels again and again waits as well, and the work is not disturbed."""
    begun, end, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def work() -> None:
        begun.set()
        await end.wait()
        ended.set()

    caller = asyncio.create_task(undisturbed(work()))
    await begun.wait()
    for _ in range(3):
        caller.cancel()
        done, _ = await asyncio.wait({caller}, timeout=0)
        assert not done

    end.set()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert ended.is_set()


async def test_what_does_not_end_is_given_up() -> None:
    """Work that does not end in its time after a cancellation is cancelled too."""
    begun = asyncio.Event()

    async def work() -> None:
        begun.set()
        await asyncio.Event().wait()

    waiting = asyncio.create_task(undisturbed(work(), seconds=0.01))
    await begun.wait()
    waiting.cancel()

    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(waiting, 5)
