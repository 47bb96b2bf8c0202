from __future__ import annotations

import asyncio

import pytest

from tests.support.virtual_clock import VirtualClock
from ticker_server.errors import PriceLogUnavailable
from ticker_server.feed.absent import AbsentLog
from ticker_server.feed.reader import FeedReader
from ticker_server.model.acceptance import Numbering, Snapshot
from ticker_server.model.feed_status import FeedState
from ticker_server.model.tick import AcceptedTick, Tick


async def test_nothing_is_published() -> None:
    """A publish is refused, as something that may succeed later."""
    with pytest.raises(PriceLogUnavailable):
        await AbsentLog("", None).publish([Tick("AAPL", "1")])


async def test_nothing_is_replayed() -> None:
    """Where a replay begins cannot be said, and one that is asked for waits."""
    log = AbsentLog("", None)
    with pytest.raises(PriceLogUnavailable):
        await log.positions_since(0)
    first = asyncio.ensure_future(anext(log.replay(0, 0)))
    done, _ = await asyncio.wait({first}, timeout=0)

    assert not done
    assert log.oldest_replay_time() == 0
    first.cancel()
    await asyncio.wait([first])


def test_what_was_stored_is_known() -> None:
    """Epoch and newest prices are those that were stored of the log."""
    stored = Snapshot({3: 9}, [Numbering(AcceptedTick("AAPL", "1", "", 0, 0, 9, 4))])

    assert AbsentLog("e", stored).epoch == "e"
    assert AbsentLog("e", stored).snapshot() is stored
    assert AbsentLog("", None).snapshot() == Snapshot({}, ())


async def test_feed_is_down(clock: VirtualClock) -> None:
    """Its feed is DOWN from the first moment, claims nothing, and holds up no start."""
    feed = FeedReader(AbsentLog("e", None), lambda _: (), clock)
    reading = asyncio.create_task(feed.run())

    await asyncio.wait_for(feed.caught_up(), 5)

    assert feed.status().state is FeedState.DOWN
    assert feed.status().read_through == 0
    assert not reading.done()
    reading.cancel()
    await asyncio.wait([reading])
