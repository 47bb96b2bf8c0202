"""Operations that are not cancelled with the one who awaits them."""

from __future__ import annotations

import asyncio

import pytest

from ticker_server.api.transport.grpcio.batch import Batch


class Operation:
    """An operation in two steps, the second of which a test lets go on or fail."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.goes_on: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def run(self) -> None:
        """Wait, and note each step."""
        self.steps.append("began")
        first: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(first.set_result, None)
        await first
        await asyncio.sleep(0)  # a turn of the loop, without a future
        self.steps.append("waits")
        try:
            await self.goes_on
        except asyncio.CancelledError:
            self.steps.append("cancelled")
            raise
        self.steps.append("freed")


async def wait_for(operation: Operation) -> None:
    """Await an operation, as a handler does."""
    await Batch(operation.run())


async def turns() -> None:
    """Let the loop make a few turns."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_operation_is_awaited_to_its_end() -> None:
    """Who awaits an operation goes on when it is over."""
    operation = Operation()
    waiting = asyncio.create_task(wait_for(operation))
    await turns()
    assert not waiting.done()
    operation.goes_on.set_result(None)
    await waiting

    assert operation.steps == ["began", "waits", "freed"]


async def test_operation_that_fails_raises() -> None:
    """What an operation raises is raised where it is awaited, at once or later."""

    async def fail() -> None:
        raise ValueError("at once")

    operation = Operation()
    waiting = asyncio.create_task(wait_for(operation))
    await turns()
    operation.goes_on.set_exception(ValueError("later"))

    with pytest.raises(ValueError, match="later"):
        await waiting
    with pytest.raises(ValueError, match="at once"):
        await Batch(fail())


@pytest.mark.parametrize("fails", [False, True])
async def test_operation_goes_on_without_the_one_who_awaits_it(fails: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """A cancelled waiter ends at once as cancelled; the operation ends by itself, and frees what it has."""
    operation = Operation()
    waiting = asyncio.create_task(wait_for(operation))
    await turns()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert operation.steps == ["began", "waits"]

    if fails:
        operation.goes_on.set_exception(ValueError("too late to be told"))
        await turns()
        assert operation.steps == ["began", "waits"]
    else:
        operation.goes_on.set_result(None)
        await turns()
        assert operation.steps == ["began", "waits", "freed"]
