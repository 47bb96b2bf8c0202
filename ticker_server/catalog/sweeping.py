"""Work that is done whenever there may be some, and every so often in case nobody said so."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import NoReturn

import structlog

__all__ = ["Sweep"]

_log = structlog.get_logger(__name__)


class Sweep:
    """Does its work after each nudge and at least every `seconds`.

    `work` returns whether it could do all that it found; where it could not, because others were at it, that tells
    nothing about an outage. A failure is logged once, and so is its end; nudges do not make a failing work try more
    often than it sweeps.
    """

    def __init__(self, name: str, work: Callable[[], Awaitable[bool]], *, seconds: float) -> None:
        self._name = name
        self._work = work
        self._seconds = seconds
        self._nudged = asyncio.Event()
        self.stalled = False
        """Whether the last attempt that could tell has failed."""

    def nudge(self) -> None:
        """Say that there may be something to do; costs nothing and may be called at any time in the loop."""
        self._nudged.set()

    async def run(self) -> NoReturn:
        """Work until cancelled. No failure ends it, whatever it is."""
        while True:
            self._nudged.clear()
            try:
                done = await self._work()
            except Exception as error:  # noqa: BLE001 - as the docstring says
                self._note_failure(error)
                await asyncio.sleep(self._seconds)
            else:
                if done:
                    self._note_success()
                await self._nudge_or_time()

    async def _nudge_or_time(self) -> None:
        try:
            async with asyncio.timeout(self._seconds):
                await self._nudged.wait()
        except TimeoutError:
            return

    def _note_failure(self, error: Exception) -> None:
        if not self.stalled:
            self.stalled = True
            _log.warning(f"{self._name} stalled", error=repr(error))

    def _note_success(self) -> None:
        if self.stalled:
            self.stalled = False
            _log.info(f"{self._name} goes on")
