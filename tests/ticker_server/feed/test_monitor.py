from __future__ import annotations

import asyncio
from collections.abc import Iterable

from ticker_server.feed.monitor import FeedMonitor
from ticker_server.feed.reader import Puller
from ticker_server.model.feed_status import FeedState, FeedStatus


class Feed:
    """A feed in a state that the test sets; notes who was told of what."""

    def __init__(self) -> None:
        self.state = FeedState.LIVE
        self.told: list[FeedState] = []
        self.looked = 0

    def status(self) -> FeedStatus:
        """Return the state."""
        self.looked += 1
        return FeedStatus(self.state, 0, 0)

    def tell(self) -> Iterable[Puller]:
        """Return one watch, which is told when it pulls."""
        return [self]

    def pull(self) -> None:
        """Note what is told."""
        self.told.append(self.state)

    async def looked_twice(self) -> None:
        """Wait until the monitor has looked after this."""
        seen = self.looked
        async with asyncio.timeout(5):
            while self.looked < seen + 2:  # noqa: ASYNC110 - the monitor has no event to wait for
                await asyncio.sleep(0)


async def test_watches_are_told_of_each_change_once() -> None:
    """Every change of the feed's state is told once, to all, and an unchanged state never."""
    feed = Feed()
    monitor = asyncio.create_task(FeedMonitor(feed.status, feed.tell, look_seconds=0).run())
    await feed.looked_twice()
    told_of_nothing = list(feed.told)

    for state in (FeedState.DOWN, FeedState.STALE, FeedState.LIVE):
        feed.state = state
        await feed.looked_twice()
        await feed.looked_twice()
    monitor.cancel()
    await asyncio.wait([monitor])

    assert told_of_nothing == []
    assert feed.told == [FeedState.DOWN, FeedState.STALE, FeedState.LIVE]
