"""A watch through the SDK of which everything is kept, with the moment at which it came."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from tests.support.deployments import WAIT_SECONDS, until
from tests.support.history import Begun, History, Seen
from ticker_client import CaughtUp, FeedChanged, FeedState, GoAway, Opened, TickerClient, TickerError, Update

_Event = TypeVar("_Event")
REOPEN_SECONDS = 0.05


class Recorder:
    """Reads a watch, and opens it again after its end if it should go on; `streams` counts how often it was opened."""

    def __init__(self, client: TickerClient, stock_ids: tuple[str, ...], request: dict[str, Any]) -> None:
        self.history: History = []
        self.streams = 0
        self.dropped = 0
        """How many updates the SDK dropped because the server sent them a second time, or too late."""
        self.ends: list[str] = []
        """How each stream ended: GO_AWAY, or the reason of the error."""
        self._client = client
        self.watched = stock_ids
        self._request = request

    async def run(self, *, reopens: bool) -> None:
        """Read until cancelled; or until the watch ends, unless it is opened again."""
        while True:
            try:
                await self._read_once()
                self.ends.append("GO_AWAY")
            except TickerError as error:
                self.ends.append(error.reason)
                if not error.retryable:
                    raise
            if not reopens:
                return
            await asyncio.sleep(REOPEN_SECONDS)

    def since(self, moment: float, kind: type[_Event]) -> list[tuple[float, _Event]]:
        """Return the events of a kind that came after a moment, each with its own."""
        return [(seen.at, seen.event) for seen in self.history if seen.at > moment and isinstance(seen.event, kind)]

    async def told(
        self,
        kind: type[_Event],
        *,
        since: float = 0.0,
        where: Callable[[_Event], bool] = lambda _event: True,
        seconds: float = WAIT_SECONDS,
    ) -> tuple[float, _Event]:
        """Wait for an event of a kind after a moment; return it, and how long after the moment it came."""

        def find() -> tuple[float, _Event] | None:
            return next(((at - since, event) for at, event in self.since(since, kind) if where(event)), None)

        found: tuple[float, _Event] = await until(find, f"{kind.__name__} of {self.watched}", seconds)
        return found

    async def feed(self, state: FeedState, *, since: float, seconds: float = WAIT_SECONDS) -> float:
        """Wait until the watch is told a state of the feed; return how long after the moment it was."""
        waited, _ = await self.told(FeedChanged, since=since, where=lambda event: event.state is state, seconds=seconds)
        return waited

    def updates(self) -> list[Update]:
        """Return all prices, in order."""
        return [seen.event for seen in self.history if isinstance(seen.event, Update)]

    async def _read_once(self) -> None:
        watch = self._client.watch(*self.watched, **{"reconnect": False, **self._request})
        async with watch:
            self.streams += 1
            self.history.append(Seen(time.monotonic(), Begun(self._request.get("resume"))))
            try:
                async for event in watch.all_events():
                    self.history.append(Seen(time.monotonic(), event))
            finally:
                self.dropped += watch.statistics().dropped


@asynccontextmanager
async def recording(
    target: str, *stock_ids: str, user_id: str | None = None, reopens: bool = False, **request: Any
) -> AsyncIterator[Recorder]:
    """Record a watch until the end of the block, at which it must still be open; from when it has caught up."""
    async with TickerClient(target, user_id=user_id) as client:
        recorder = Recorder(client, stock_ids, request)
        running = asyncio.create_task(recorder.run(reopens=reopens))
        try:
            await until(lambda: running.done() or recorder.since(0, CaughtUp), "a watch is opened")
            assert not running.done(), f"the watch of {stock_ids} at {target} was not opened: {recorder.ends}"
            yield recorder
            assert not running.done(), f"the watch of {stock_ids} at {target} has ended: {recorder.ends}"
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


def epochs(history: History) -> list[str]:
    """Return the epochs that a history went through, in order."""
    found: list[str] = []
    for seen in history:
        if isinstance(seen.event, Opened) and (not found or found[-1] != seen.event.log_epoch):
            found.append(seen.event.log_epoch)
    return found


def went_away(history: History) -> list[float]:
    """Return when a stream was told to go away."""
    return [seen.at for seen in history if isinstance(seen.event, GoAway)]
