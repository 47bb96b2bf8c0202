"""Awaiting what must not be cancelled halfway."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

__all__ = ["undisturbed"]

_T = TypeVar("_T")


async def undisturbed(work: Coroutine[Any, Any, _T]) -> _T:
    """Return what a coroutine returns; who cancels the caller meanwhile waits until it has ended by itself.

    For what ends soon in any case. An aiokafka client that is cancelled while it starts forgets to close a connection.
    """
    task = asyncio.create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        if not task.cancelled():
            task.exception()  # or the loop complains that nobody looked at it
        raise
