"""Real daily prices through the installed programs: each arrives once, in order, exact, with nothing unaccounted for."""

from __future__ import annotations

import asyncio
import csv
import gzip
import itertools
import sqlite3
from collections import defaultdict
from contextlib import closing
from datetime import timedelta
from decimal import Decimal
from importlib.resources import files
from pathlib import Path

import pytest

from tests.support.processes import run, running_server
from ticker_client import Gap, TickerClient, Update, UpdateKind, Watch

PRICES = Path(str(files("bokeh_sampledata"))) / "_data" / "stocks.csv.gz"
COLUMNS = ("Open", "High", "Low", "Close")
TICKS = 48_616
# Nothing slows the publisher. How a reader that lags is told is another test's matter; this one wants every tick.
PATIENT = {"TICKER_MAX_PENDING_TICKS": str(TICKS)}
MAPPING = ("stock_id=Ticker", "price=Open,High,Low,Close", "size=Volume", "trade_time=Date")


def published_prices() -> dict[str, list[Decimal]]:
    """Return what the file holds, read by other means than the program under test."""
    prices: dict[str, list[Decimal]] = defaultdict(list)
    with gzip.open(PRICES, "rt", newline="") as file:
        for row in csv.DictReader(file):
            prices[row["Ticker"]] += [Decimal(row[column]) for column in COLUMNS]
    return prices


def published_days() -> list[tuple[str, str, float, float, float, float]]:
    """Return stock, day, open, high, low and close of each row."""
    with gzip.open(PRICES, "rt", newline="") as file:
        rows = [
            (row["Ticker"], row["Date"], *(float(row[column]) for column in COLUMNS)) for row in csv.DictReader(file)
        ]
    return sorted(rows)


def stored_days(folder: Path) -> list[tuple[str, str, float, float, float, float]]:
    """Return the same of the daily bars that a server has left in its folder."""
    with closing(sqlite3.connect(folder / "ticker.db")) as connection:
        return connection.execute(
            "SELECT stock_id, day, open, high, low, close FROM bar_1d ORDER BY stock_id, day"
        ).fetchall()


async def publish(target: str) -> tuple[int, str]:
    """Publish the file through the installed command; return its exit code and last line."""
    maps = [word for each in MAPPING for word in ("--map", each)]
    code, output, _ = await run("ticker", "--target", target, "publish", "--csv", str(PRICES), *maps)
    return code, output.splitlines()[-1]


async def read_all(watch: Watch, expected: dict[str, list[Decimal]]) -> dict[str, list[Update]]:
    """Read until the last tick of each stock came; return the updates by stock. A gap that is told fails the test."""
    found: dict[str, list[Update]] = defaultdict(list)
    unfinished = set(expected)
    async for event in watch:
        assert not isinstance(event, Gap), event
        if isinstance(event, Update):
            found[event.stock_id].append(event)
            if event.tick_number == len(expected[event.stock_id]):
                unfinished.discard(event.stock_id)
        if not unfinished:
            break
    return found


@pytest.mark.timeout(120)
async def test_real_prices_arrive_once_in_order_and_exact(tmp_path: Path) -> None:
    """Each of 48 616 real prices reaches an every-tick watch; a 100 ms watch gets the last ones and counts the rest."""
    expected = published_prices()
    assert sum(map(len, expected.values())) == TICKS
    async with (
        running_server(tmp_path / "data", environment=PATIENT) as server,
        TickerClient(server.target) as client,
    ):
        for stock_id in expected:
            await client.create_stock(stock_id)
        async with (
            client.watch(*expected, every_tick=True) as each,
            client.watch(*expected, frequency=timedelta(milliseconds=100)) as newest,
        ):
            await each.ready()
            await newest.ready()
            async with asyncio.TaskGroup() as tasks:
                every_tick = tasks.create_task(read_all(each, expected))
                conflated = tasks.create_task(read_all(newest, expected))
                published = tasks.create_task(publish(server.target))
        repeated = await publish(server.target)
        latest = await client.latest(*expected)

    assert published.result()[0] == 0
    assert published.result()[1].startswith(f"published {TICKS}, duplicate 0, unknown 0, rejected 0 in ")
    assert repeated[0] == 0
    assert repeated[1].startswith(f"published 0, duplicate {TICKS}, unknown 0, rejected 0 in ")
    for stock_id, prices in expected.items():
        live = [update for update in every_tick.result()[stock_id] if update.kind is UpdateKind.LIVE]
        assert [update.price for update in live] == prices
        assert [update.tick_number for update in live] == list(range(1, len(prices) + 1))
        assert all(later.sequence > earlier.sequence for earlier, later in itertools.pairwise(live))
        frequent = conflated.result()[stock_id]
        assert frequent[-1].price == prices[-1]
        assert sum(update.superseded for update in frequent) + len(frequent) == len(prices)
    assert {price.stock_id: price.tick_number for price in latest.prices} == {
        stock_id: len(prices) for stock_id, prices in expected.items()
    }
    assert stored_days(tmp_path / "data") == published_days()
