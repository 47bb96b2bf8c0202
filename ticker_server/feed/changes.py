"""How catalog changes get from the outbox of one gateway to the open watches of all: a port, and the embedded way."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import NoReturn, Protocol

from ticker_server.model.change import Change

__all__ = ["Apply", "ChangeLog", "LocalChanges", "Reload"]

Apply = Callable[[Sequence[Change]], Awaitable[None]]
"""Takes changes in the order of their revisions per user and per stock; some may come twice."""

Reload = Callable[[], Awaitable[None]]
"""Reads everything anew, because changes may have been missed."""


class ChangeLog(Protocol):
    """Changes in, changes out."""

    async def publish(self, changes: Sequence[Change]) -> None:
        """Hand changes on; when it returns, every gateway gets them. Raises PriceLogUnavailable where it cannot."""

    async def run(self, apply: Apply, reload: Reload) -> NoReturn:
        """Call `reload` once the place to read from is fixed, then `apply` with all that comes; until cancelled."""

    async def started(self) -> None:
        """Wait until the first `reload` is done."""


class LocalChanges:
    """Changes of a process that is alone: what is published is applied, before `publish` returns."""

    def __init__(self) -> None:
        self._apply: Apply | None = None
        self._started = asyncio.Event()

    async def publish(self, changes: Sequence[Change]) -> None:
        """Apply changes; before the first `reload` they wait for it."""
        await self._started.wait()
        assert self._apply is not None
        await self._apply(changes)

    async def run(self, apply: Apply, reload: Reload) -> NoReturn:
        """Reload once, and from then on apply what is published."""
        await reload()
        self._apply = apply
        self._started.set()
        await asyncio.Future[NoReturn]()
        raise AssertionError

    async def started(self) -> None:
        """Wait until the first `reload` is done."""
        await self._started.wait()
