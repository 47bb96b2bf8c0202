"""What a process has running: parts that are closed in the reverse order of their start, and their tasks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack
from typing import Any, NoReturn

__all__ = ["Parts"]


class Parts(AsyncExitStack):
    """A stack of what is to be closed, which also owns the tasks that should run until then."""

    def __init__(self) -> None:
        super().__init__()
        self._tasks: list[asyncio.Task[Any]] = []

    def run(
        self, name: str, work: Coroutine[Any, Any, Any], *, stop: Callable[[], Awaitable[None] | None] | None = None
    ) -> asyncio.Task[Any]:
        """Run work until the parts are closed: it is then cancelled, or asked to `stop`, and awaited."""
        task = asyncio.create_task(work, name=name)
        self._tasks.append(task)

        async def end() -> None:
            if stop is None:
                task.cancel()
            elif (stopping := stop()) is not None:
                await stopping
            await asyncio.wait([task])

        self.push_async_callback(end)
        return task

    async def failed(self) -> NoReturn:
        """Wait until work that should run on ends, and raise what ended it. Never returns otherwise."""
        done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
        raise RuntimeError(f"{done.pop().get_name()} ended by itself")
