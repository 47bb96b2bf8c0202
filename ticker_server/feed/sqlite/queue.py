"""What was published and is not written yet."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from ticker_server.errors import PriceLogUnavailable
from ticker_server.feed.log import Published
from ticker_server.model.tick import Tick

__all__ = ["Publication", "PublicationQueue"]


@dataclass(slots=True)
class Publication:
    """The ticks of one publish, and where its outcomes go; whoever waits for them may have given up."""

    ticks: Sequence[Tick]
    answer: asyncio.Future[list[Published]]

    def succeed(self, outcomes: list[Published]) -> None:
        """Hand out the outcomes."""
        if not self.answer.done():
            self.answer.set_result(outcomes)

    def fail(self, error: Exception) -> None:
        """Hand out why nothing was published."""
        if not self.answer.done():
            self.answer.set_exception(error)


class PublicationQueue:
    """Publications in their order; at most `max_ticks` ticks wait, and about `group_ticks` are taken at a time."""

    def __init__(self, max_ticks: int, group_ticks: int) -> None:
        self._max_ticks = max_ticks
        self._group_ticks = group_ticks
        self._publications: deque[Publication] = deque()
        self._ticks = 0

    def __len__(self) -> int:
        return len(self._publications)

    def put(self, ticks: Sequence[Tick]) -> Publication:
        """Let ticks wait for their turn; raises PriceLogUnavailable if too many do already."""
        if self._ticks + len(ticks) > self._max_ticks:
            raise PriceLogUnavailable("too many ticks are waiting for the disk; nothing of this call was published")
        publication = Publication(ticks, asyncio.get_running_loop().create_future())
        self._publications.append(publication)
        self._ticks += len(ticks)
        return publication

    def take_group(self) -> list[Publication]:
        """Take the publications of the next commit: at least one, whole, and no more ticks than a group has."""
        group: list[Publication] = []
        count = 0
        while self._publications and (not group or count + len(self._publications[0].ticks) <= self._group_ticks):
            publication = self._publications.popleft()
            count += len(publication.ticks)
            group.append(publication)
        self._ticks -= count
        return group
