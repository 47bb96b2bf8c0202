"""Watches the feed, so that every open watch is told at once when it goes down, falls behind, or is live again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import NoReturn

import structlog

from ticker_server.feed.reader import Puller, pull_in_slices
from ticker_server.model.feed_status import FeedState, FeedStatus

__all__ = ["FeedMonitor"]

_LOOK_SECONDS = 0.5

_log = structlog.get_logger(__name__)


class FeedMonitor:
    """Looks at the feed's state twice a second; when it changed, whoever `tell` returns pulls, in slices.

    A heartbeat tells the state too, but may be a minute away: that the feed is down is worth a message of its own.
    """

    def __init__(
        self,
        status: Callable[[], FeedStatus],
        tell: Callable[[], Iterable[Puller]],
        *,
        look_seconds: float = _LOOK_SECONDS,
    ) -> None:
        self._status = status
        self._tell = tell
        self._look_seconds = look_seconds

    async def run(self) -> NoReturn:
        """Look until cancelled."""
        told = self._status().state
        while True:
            await asyncio.sleep(self._look_seconds)
            state = self._status().state
            if state is not told:
                told = state
                log = _log.info if state is FeedState.LIVE else _log.warning
                log("feed changed", state=state.name)
                await pull_in_slices(iter(self._tell()))
