"""Programs that follow prices through everything that happens: steady ones, slow ones, and such that come and go."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from tests.support.history import Begun, History, Seen
from ticker_client import Reconnected, Resume, TickerClient, TickerError, Watch
from ticker_client.reconnection import is_passing

AGAIN_SECONDS = 0.2

Draw = Callable[[], float]
"""Draws a time in seconds."""


class Reader:
    """One program with one watch, which comes back by itself; and the program may end, and begin again where it stood.

    Args:
        name: for people.
        target: the address of a gateway, or of what stands before it.
        stock_ids: what it follows; none = the saved stocks of `user_id`.
        lives: after which time the program ends; None = it does not.
        away: how long it is away then.
        pause: how long it needs for one event; None = no time at all.
        request: what else the watch is asked for.
    """

    def __init__(
        self,
        name: str,
        target: str,
        *stock_ids: str,
        user_id: str | None = None,
        lives: Draw | None = None,
        away: Draw = lambda: 0.0,
        pause: Draw | None = None,
        **request: Any,
    ) -> None:
        self.name = name
        self.stock_ids = stock_ids
        self.history: History = []
        self.programs = 0
        """How often the program was begun."""
        self.dropped = 0
        """How many updates the SDK dropped because they repeated what was seen; of programs that have ended."""
        self.failures: list[TickerError] = []
        """What ended a watch that should have come back by itself."""
        self._target = target
        self._user_id = user_id
        self._lives, self._away, self._pause = lives, away, pause
        self._request = request
        self._calm = asyncio.Event()
        self._resume: Resume | None = None

    @property
    def reconnects(self) -> list[Reconnected]:
        """Each time the watch has come back by itself."""
        return [seen.event for seen in self.history if isinstance(seen.event, Reconnected)]

    def calm_down(self) -> None:
        """Neither end nor be slow from now on."""
        self._calm.set()

    async def run(self) -> None:
        """Read until cancelled, one program after the other."""
        while True:
            try:
                await self._live()
            except TickerError as error:
                if not is_passing(error):
                    self.failures.append(error)
                await asyncio.sleep(AGAIN_SECONDS)
            else:
                await self._rest(self._away())

    async def _live(self) -> None:
        """Be one program, from its start to its end."""
        opened = False
        async with TickerClient(self._target, user_id=self._user_id) as client:
            watch = client.watch(*self.stock_ids, resume=self._resume, **self._request)
            try:
                async with watch:
                    self.programs += 1
                    opened = True
                    self._note(Begun(self._resume))
                    await self._read(watch)
            except TickerError as error:
                if opened:
                    self.failures.append(error)
                raise
            finally:
                if opened:
                    self.dropped += watch.statistics().dropped
                    self._resume = Resume.from_json(watch.resume.to_json())

    async def _read(self, watch: Watch) -> None:
        """Take events until the program ends."""
        ends = None if self._lives is None or self._calm.is_set() else time.monotonic() + self._lives()
        events = watch.all_events()
        while True:
            left = None if ends is None or self._calm.is_set() else ends - time.monotonic()
            try:
                async with asyncio.timeout(left):
                    event = await anext(events)
            except TimeoutError:
                if self._calm.is_set():
                    continue
                return
            self._note(event)
            if self._pause is not None:
                await self._rest(self._pause())

    async def _rest(self, seconds: float) -> None:
        if seconds and not self._calm.is_set():
            try:
                async with asyncio.timeout(seconds):
                    await self._calm.wait()
            except TimeoutError:
                return

    def _note(self, event: Any) -> None:
        self.history.append(Seen(time.monotonic(), event))
