"""Starting while what is needed may still be on its way up."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from ticker_server.catalog import upgrade
from ticker_server.errors import Unavailable

__all__ = ["migrated", "patiently"]

_RETRY_SECONDS = 0.5

_T = TypeVar("_T")
_log = structlog.get_logger(__name__)


async def migrated(url: str) -> bool:
    """Bring a database to the newest schema and return True.

    Raises:
        DatabaseUnavailable: It does not answer.
        DatabaseUnusable: It answers, but cannot be used as it is.
    """
    await asyncio.to_thread(upgrade, url)
    return True


async def patiently(
    what: str, attempt: Callable[[], Awaitable[_T]], seconds: float, *, retry_seconds: float = _RETRY_SECONDS
) -> _T | None:
    """Return what an attempt gives, trying again while that is not possible; None after so many seconds.

    What waiting cannot cure is raised as it is.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    told = False
    while True:
        try:
            return await attempt()
        except Unavailable as error:
            if loop.time() >= end:
                _log.error("starting without", missing=what, error=error.message)
                return None
            if not told:
                told = True
                _log.warning("waiting for", missing=what, error=error.message)
        await asyncio.sleep(retry_seconds)
