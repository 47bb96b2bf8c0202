from __future__ import annotations

import asyncio

import pytest

from ticker_server.errors import PriceLogUnavailable
from ticker_server.feed.log import Outcome, Published
from ticker_server.feed.sqlite.queue import PublicationQueue
from ticker_server.model.tick import Tick


def ticks(count: int) -> list[Tick]:
    """Return some ticks."""
    return [Tick("AAPL", "1")] * count


async def test_groups_are_whole_publications_in_order() -> None:
    """A group takes publications in their order, whole, up to the size of a group."""
    queue = PublicationQueue(max_ticks=100, group_ticks=5)
    for size in (2, 3, 1, 1):
        queue.put(ticks(size))

    assert [len(each.ticks) for each in queue.take_group()] == [2, 3]
    assert [len(each.ticks) for each in queue.take_group()] == [1, 1]
    assert len(queue) == 0
    assert queue.take_group() == []


async def test_large_publication_is_a_group_of_its_own() -> None:
    """A publication that is larger than a group is taken all the same, alone."""
    queue = PublicationQueue(max_ticks=100, group_ticks=5)
    queue.put(ticks(9))
    queue.put(ticks(1))

    assert [len(each.ticks) for each in queue.take_group()] == [9]


async def test_too_many_waiting_ticks_are_refused() -> None:
    """A publication that would make too many ticks wait is refused, and nothing of it stays; taking makes room."""
    queue = PublicationQueue(max_ticks=5, group_ticks=3)
    queue.put(ticks(3))
    with pytest.raises(PriceLogUnavailable, match="too many ticks are waiting"):
        queue.put(ticks(3))
    queue.put(ticks(2))

    queue.take_group()

    queue.put(ticks(3))
    assert len(queue) == 2


async def test_answers_reach_whoever_waits() -> None:
    """Outcomes and errors reach the one who waits."""
    queue = PublicationQueue(max_ticks=5, group_ticks=3)
    good, bad = queue.put(ticks(1)), queue.put(ticks(1))

    good.succeed([Published(Outcome.ACCEPTED, 1)])
    bad.fail(PriceLogUnavailable("the disk is full"))

    assert await good.answer == [Published(Outcome.ACCEPTED, 1)]
    with pytest.raises(PriceLogUnavailable, match="the disk is full"):
        await bad.answer


async def test_answers_to_those_who_gave_up_are_dropped() -> None:
    """An answer for someone who waits no longer is dropped without an error."""
    queue = PublicationQueue(max_ticks=5, group_ticks=3)
    one, other = queue.put(ticks(1)), queue.put(ticks(1))
    for publication in (one, other):
        publication.answer.cancel()

    one.succeed([])
    other.fail(PriceLogUnavailable("the disk is full"))

    assert isinstance(one.answer, asyncio.Future)
    assert one.answer.cancelled()
    assert other.answer.cancelled()
