"""A topic of changes that somebody deletes is made again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import NoReturn

from ticker_server.clock import Clock
from ticker_server.errors import PriceLogUnavailable
from ticker_server.feed.changes import Apply, ChangeLog, Reload
from ticker_server.model.change import Change

__all__ = ["RemadeChanges"]

_LOOK_AGAIN = 10_000_000_000


class RemadeChanges:
    """Changes whose topic is looked after: a publish that fails asks for the topics to be made, where they are missing.

    What waits in the outbox is published to the new topic, and readers reload when they find another one. The price
    log needs no such care: a topic of prices that is gone is another log, and a reason to start anew.
    """

    def __init__(self, changes: ChangeLog, make_topics: Callable[[], Awaitable[None]], clock: Clock) -> None:
        self._changes = changes
        self._make_topics = make_topics
        self._clock = clock
        self._looked_at = -_LOOK_AGAIN

    async def publish(self, changes: Sequence[Change]) -> None:
        """Hand changes on. Raises PriceLogUnavailable, TopicsUnusable."""
        try:
            await self._changes.publish(changes)
        except PriceLogUnavailable:
            # Not at each of the four tries that a relay makes in a second.
            if self._clock.monotonic() - self._looked_at >= _LOOK_AGAIN:
                self._looked_at = self._clock.monotonic()
                await self._make_topics()
            raise

    async def run(self, apply: Apply, reload: Reload) -> NoReturn:
        """Read, as the changes themselves do."""
        await self._changes.run(apply, reload)

    async def started(self) -> None:
        """Wait until the first `reload` is done."""
        await self._changes.started()
