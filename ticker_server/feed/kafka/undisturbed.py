"""Awaiting what must not be cancelled halfway."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any, TypeVar

__all__ = ["undisturbed"]

_T = TypeVar("_T")


async def undisturbed(work: Coroutine[Any, Any, _T], *, seconds: float | None = None) -> _T:
    """Return what a coroutine returns; who cancels the caller meanwhile waits until it has ended by itself.

    For what ends soon in any case, or is given up after so many seconds. An aiokafka client that is cancelled while it
    starts forgets to close a connection; its producer tries to start as long as no broker answers.
    """
    task = asyncio.create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await _outlast(task, seconds)
        if not task.cancelled():
            task.exception()  # or the loop complains that nobody looked at it
        raise


async def _outlast(task: asyncio.Task[Any], seconds: float | None) -> None:
    """Wait for the end of a task, and cancel it after so many seconds; who is cancelled once more waits all the same."""
    loop = asyncio.get_running_loop()
    deadline = None if seconds is None else loop.time() + seconds
    while not task.done():
        left = None if deadline is None else deadline - loop.time()
        if left is not None and left <= 0:
            task.cancel()
            left = None
        with contextlib.suppress(asyncio.CancelledError):  # the caller raises the first one
            await asyncio.wait({task}, timeout=left)
