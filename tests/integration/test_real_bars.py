"""Real daily prices, as ticks through a real log and a sync server, come back as the same daily bars."""

from __future__ import annotations

import asyncio
import csv
import gzip
from datetime import UTC, date, datetime
from decimal import Decimal
from importlib.resources import files
from pathlib import Path

import psycopg
import pytest

from tests.support.broker import Broker
from tests.support.price_topic import PriceTopic
from tests.support.sync_members import sync_members
from tests.support.sync_state import wait_until_stored
from ticker_server.catalog import upgrade
from ticker_server.model.tick import Tick

PRICES = Path(str(files("bokeh_sampledata"))) / "_data" / "stocks.csv.gz"
COLUMNS = ("Open", "High", "Low", "Close")
SECOND = 1_000_000_000


def days() -> list[tuple[str, date, list[str], str]]:
    """Return stock, day, the four prices and the volume of each row."""
    with gzip.open(PRICES, "rt", newline="") as file:
        return [
            (row["Ticker"], date.fromisoformat(row["Date"]), [row[name] for name in COLUMNS], row["Volume"])
            for row in csv.DictReader(file)
        ]


def publish(topic: PriceTopic) -> None:
    """Write four ticks a row, all of the same trade time; the last one has the volume."""
    for stock_id, day, prices, volume in days():
        time = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * SECOND
        sizes = ["", "", "", volume]
        for price, size in zip(prices, sizes, strict=True):
            topic.hand(Tick(stock_id, price, size, time))
    topic.flush()


@pytest.mark.timeout(90)
async def test_real_days_come_back(broker: Broker, postgres_url: str, topic_prefix: str) -> None:
    """Each of 12 154 real days comes back with its open, high, low, close and volume, exact."""
    await asyncio.to_thread(upgrade, postgres_url)
    topic = PriceTopic(broker.bootstrap_servers, topic_prefix, 4)
    await asyncio.to_thread(topic.create)
    await asyncio.to_thread(publish, topic)
    with sync_members() as members:
        members.start(topic, postgres_url)
        await wait_until_stored(postgres_url, topic)

    with psycopg.connect(postgres_url) as connection:
        rows = connection.execute(
            "SELECT stock_id, day, open, high, low, close, volume, tick_count FROM bar_1d ORDER BY stock_id, day"
        ).fetchall()
    assert len(rows) == 12_154
    assert rows == [
        (stock_id, day, *map(Decimal, prices), Decimal(volume), 4) for stock_id, day, prices, volume in sorted(days())
    ]
