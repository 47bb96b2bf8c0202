"""Stored bars as they are read, in both databases: written by whom writes them, the sync server or the embedded log."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import reduce
from pathlib import Path

import pytest

from tests.support.bar_worlds import Production, World, embedded, production
from ticker_server.errors import DatabaseUnavailable
from ticker_server.history.bars import BarStore
from ticker_server.model.bar import bar_of, merged
from ticker_server.model.bar_page import BarPage
from ticker_server.model.minute_bars import MINUTE
from ticker_server.model.partition import home_partition
from ticker_server.model.tick import AcceptedTick

STOCK = "AAPL"
HOME = home_partition(STOCK, Production.partitions)
SPAN = (-10 * MINUTE, 10 * MINUTE)


@pytest.fixture(params=["production", "embedded"])
async def world(request: pytest.FixtureRequest, tmp_path: Path, migrated_file: Path) -> AsyncIterator[World]:
    """Return each of both."""
    if request.param == "production":
        async with production(request.getfixturevalue("postgres_url"), HOME) as found:
            yield found
    else:
        async with embedded(migrated_file, tmp_path) as found:
            yield found


def tick(sequence: int, time: int, price: str = "1.50", size: str = "2") -> AcceptedTick:
    """Return a tick of AAPL."""
    return AcceptedTick(STOCK, price, size, time, time, sequence, sequence)


def store_of(world: World) -> BarStore:
    """Return the bar store of a world."""
    return BarStore(world.database)


def starts(page: BarPage) -> Sequence[int]:
    """Return which minutes a page has."""
    return [bar.start // MINUTE for bar in page.bars]


async def test_nothing_yet(world: World) -> None:
    """Before anything was stored there is no epoch, and no bar."""
    assert await store_of(world).read(STOCK, *SPAN, 10) == BarPage([], "", 0, 0)


async def test_bars_and_how_far_they_reach(world: World) -> None:
    """A page has the bars in order, exact, with the sequence that they reach; another stock has none."""
    await world.begin("one")
    ticks = [tick(1, 5, "7.50"), tick(2, MINUTE, "123456789012.123456789"), tick(3, 9, "0.000000001", "")]
    await world.write(*ticks[:2])
    await world.write(ticks[2])
    store = store_of(world)

    page = await store.read(STOCK, *SPAN, 10)
    late, first, second = (bar_of(one, 1, MINUTE) for one in (ticks[2], ticks[0], ticks[1]))
    assert [replace(bar, epoch=1) for bar in page.bars] == [merged(first, late), second]
    assert (page.epoch, page.synced_through) == ("one", 3)
    assert await store.read("MSFT", *SPAN, 10) == BarPage([], "one", 0, 1)


async def test_span_and_limit(world: World) -> None:
    """Bars begin from the start to before the end, and the first ones come where they are too many."""
    await world.begin("one")
    await world.write(*(tick(n + 4, n * MINUTE) for n in range(-3, 4)), tick(8, -(2**63)), tick(9, 2**63 - 1))
    store = store_of(world)

    assert starts(await store.read(STOCK, -2 * MINUTE, 2 * MINUTE, 10)) == [-2, -1, 0, 1]
    assert starts(await store.read(STOCK, -2 * MINUTE + 1, 2 * MINUTE + 1, 10)) == [-1, 0, 1, 2]
    assert starts(await store.read(STOCK, -2 * MINUTE, 2 * MINUTE, 2)) == [-2, -1]
    assert starts(await store.read(STOCK, MINUTE, MINUTE, 2)) == []
    assert starts(await store.read(STOCK, MINUTE, 0, 2)) == []
    assert len((await store.read(STOCK, -(2**70), 2**70, 10)).bars) == 9


async def test_many_bars(world: World) -> None:
    """However many bars a page has, each comes once, also where a slice of the work ends between two epochs."""
    for epoch in ("one", "two"):
        await world.begin(epoch)
        await world.write(*(tick(n + 1, n * MINUTE) for n in range(450)))

    page = await store_of(world).read(STOCK, 0, 450 * MINUTE, 450)
    assert starts(page) == list(range(450))
    assert {bar.tick_count for bar in page.bars} == {2}


async def test_epochs_are_merged(world: World) -> None:
    """A minute that two epochs have ticks of is one bar, and counts as one; the reach is that of the newest epoch."""
    await world.begin("one")
    former = [tick(40, 5, "7"), tick(41, 8, "9"), tick(42, MINUTE, "9")]
    await world.write(*former)
    await world.begin("two")
    later = [tick(1, 6, "5"), tick(2, 8, "6"), tick(3, 2 * MINUTE, "4")]
    await world.write(*later)

    page = await store_of(world).read(STOCK, *SPAN, 2)
    both = [bar_of(one, 1, MINUTE) for one in former[:2]] + [bar_of(one, 2, MINUTE) for one in later[:2]]
    ordinals = [page.bars[0].opened.epoch, page.bars[0].epoch]
    assert ordinals == sorted(set(ordinals))
    assert starts(page) == [0, 1]
    expected = reduce(merged, both)
    assert replace(page.bars[0], epoch=2, opened=expected.opened, closed=expected.closed) == expected
    assert (page.bars[0].open, page.bars[0].close, page.bars[0].tick_count) == (Decimal(7), Decimal(6), 4)
    assert (page.bars[0].opened.sequence, page.bars[0].closed.sequence) == (40, 2)
    assert (page.epoch, page.bars[0].last_sequence) == ("two", 2)


async def test_epoch_that_comes_back_reaches_as_far_as_before(postgres_url: str) -> None:
    """While an epoch that came back is folded anew, its bars reach to where they did, and then go on from there."""
    async with production(postgres_url, HOME) as world:
        await world.begin("one")
        await world.write(tick(1, 5), tick(2, 6))
        await world.begin("two")
        await world.begin("one")
        store = store_of(world)

        assert (await store.read(STOCK, *SPAN, 10)).synced_through == 2
        await world.write(tick(3, 7))
        assert (await store.read(STOCK, *SPAN, 10)).synced_through == 3


async def test_page_is_of_one_moment(world: World) -> None:
    """While ticks are stored, each page has exactly those up to its reach."""
    await world.begin("one")
    await world.write(tick(1, 0))

    async def write_on() -> None:
        for sequence in range(2, 10_000):
            await world.write(tick(sequence, sequence % 50))

    writing = asyncio.create_task(write_on())
    try:
        for _ in range(40):
            page = await store_of(world).read(STOCK, *SPAN, 10)
            assert page.bars[0].tick_count == page.bars[0].last_sequence == page.synced_through
    finally:
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)


async def test_database_that_is_away(world: World) -> None:
    """An outage is told as such."""
    await world.database.close()
    with pytest.raises(DatabaseUnavailable):
        await store_of(world).read(STOCK, *SPAN, 1)
