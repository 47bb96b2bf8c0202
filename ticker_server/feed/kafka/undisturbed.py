"""Awaiting what must not be cancelled halfway."""

from __future__ import annotations

import asyncio
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
        await asyncio.wait({task}, timeout=seconds)
        if not task.done():
            task.cancel()
            await asyncio.wait({task})
        if not task.cancelled():
            task.exception()  # or the loop complains that nobody looked at it
        raise
