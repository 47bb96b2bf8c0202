from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

import pytest

from tests.support.virtual_clock import VirtualClock
from ticker_server.app.remaking import RemadeChanges
from ticker_server.errors import PriceLogUnavailable
from ticker_server.feed.changes import Apply, Reload
from ticker_server.model.change import Change, UserDeleted


class Topic:
    """A topic of changes that may be missing; counts how often it was made."""

    def __init__(self) -> None:
        self.is_there = False
        self.made = 0
        self.changes: list[Change] = []

    async def publish(self, changes: Sequence[Change]) -> None:
        """Take changes if the topic is there."""
        if not self.is_there:
            raise PriceLogUnavailable("no topic")
        self.changes += changes

    async def run(self, _apply: Apply, _reload: Reload) -> NoReturn:
        """Read nothing."""
        raise NotImplementedError

    async def started(self) -> None:
        """Be started at once."""

    async def make(self) -> None:
        """Make the topic."""
        self.made += 1
        self.is_there = True


async def test_missing_topic_is_made(clock: VirtualClock) -> None:
    """The publish that finds no topic fails, and the next one finds it made."""
    topic = Topic()
    changes = RemadeChanges(topic, topic.make, clock)

    with pytest.raises(PriceLogUnavailable):
        await changes.publish([UserDeleted("ana", 1)])
    await changes.publish([UserDeleted("ana", 1)])

    assert topic.changes == [UserDeleted("ana", 1)]
    assert topic.made == 1


async def test_topics_are_not_looked_at_all_the_time(clock: VirtualClock) -> None:
    """While publishing fails, the topics are looked at every ten seconds and not at every try."""
    topic = Topic()
    changes = RemadeChanges(topic, topic.make, clock)
    for _ in range(40):
        topic.is_there = False
        with pytest.raises(PriceLogUnavailable):
            await changes.publish([])
        clock.advance(0.5)

    assert topic.made == 2
