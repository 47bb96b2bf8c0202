"""The views of bars say what follows from the ticks, in both databases."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from functools import reduce
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from tests.support.bar_worlds import Embedded, World, embedded, production
from ticker_server.model.bar import Bar, bar_of, merged
from ticker_server.model.tick import AcceptedTick

MINUTE = 60_000_000_000
VIEWS = {"bar_1m": 1, "bar_5m": 5, "bar_15m": 15, "bar_1h": 60, "bar_1d": 1440}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
COLUMNS = "stock_id, start_time, open, high, low, close, volume, tick_count, open_time, close_time"


@pytest.fixture(params=["production", "embedded"])
async def world(request: pytest.FixtureRequest, tmp_path: Path, migrated_file: Path) -> AsyncIterator[World]:
    """Return each of both."""
    if request.param == "production":
        async with production(request.getfixturevalue("postgres_url")) as found:
            yield found
    else:
        async with embedded(migrated_file, tmp_path) as found:
            yield found


def ticks(seed: int) -> list[AcceptedTick]:
    """Return ticks of two stocks on both sides of 1970, in no order of trade times."""
    chance = random.Random(seed)
    prices, sizes = ["7", "7.25", "1234.5", "0.5"], ["", "0", "2.5", "100"]
    return [
        AcceptedTick(
            chance.choice("AB"),
            chance.choice(prices),
            chance.choice(sizes),
            chance.choice([chance.randrange(-3 * 1440 * MINUTE, 3 * 1440 * MINUTE), chance.randrange(-10, 10)]),
            0,
            number,
            number,
        )
        for number in range(1, 200)
    ]


async def filled(world: World) -> list[tuple[AcceptedTick, int]]:
    """Write ticks of two epochs; return them with the number of their epoch."""
    written = []
    for number in (1, 2):
        await world.begin(f"epoch {number}")
        of_epoch = ticks(number)
        for start in range(0, len(of_epoch), 50):
            await world.write(*of_epoch[start : start + 50])
        written += [(tick, number) for tick in of_epoch]
    return written


def expected(written: list[tuple[AcceptedTick, int]], minutes: int) -> list[Bar]:
    """Return the bars of all ticks, worked out one by one."""

    def place(bar: Bar) -> tuple[str, int]:
        return bar.stock_id, bar.start

    bars = sorted((bar_of(tick, epoch, minutes * MINUTE) for tick, epoch in written), key=place)
    return [reduce(merged, group) for _, group in groupby(bars, place)]


def row_of(world: World, bar: Bar) -> tuple[Any, ...]:
    """Return a bar as an analyst sees it: with instants and decimals, or texts and floating point numbers."""
    decimals = (bar.open, bar.high, bar.low, bar.close, bar.volume)
    times = (bar.opened.trade_time, bar.closed.trade_time)
    if isinstance(world, Embedded):
        texts = [f"{EPOCH + timedelta(milliseconds=time // 1_000_000):%Y-%m-%d %H:%M:%S.%f}"[:-3] for time in times]
        start = f"{EPOCH + timedelta(microseconds=bar.start // 1000):%Y-%m-%d %H:%M:%S}"
        return (bar.stock_id, start, *map(float, decimals), bar.tick_count, *texts)
    # PostgreSQL cuts nanoseconds off towards zero.
    instants = [EPOCH + timedelta(microseconds=(time if time >= 0 else time + 999) // 1000) for time in times]
    return (bar.stock_id, EPOCH + timedelta(microseconds=bar.start // 1000), *decimals, bar.tick_count, *instants)


@pytest.mark.parametrize(("view", "minutes"), VIEWS.items())
async def test_view_is_what_the_ticks_make(world: World, view: str, minutes: int) -> None:
    """Each view has the bars of its spans, over all epochs, as far back as they go."""
    bars = expected(await filled(world), minutes)

    rows = world.query(f"SELECT {COLUMNS} FROM {view} ORDER BY stock_id, start_time")
    assert rows == [row_of(world, bar) for bar in bars]


async def test_days_are_named(world: World) -> None:
    """A daily bar says which day it is, in UTC."""
    await world.begin("one")
    await world.write(AcceptedTick("A", "7", "", -1, 0, 1, 1), AcceptedTick("A", "8", "", 0, 0, 2, 2))

    rows = world.query("SELECT day, close FROM bar_1d ORDER BY day")
    assert [(str(day), float(close)) for day, close in rows] == [("1969-12-31", 7.0), ("1970-01-01", 8.0)]
