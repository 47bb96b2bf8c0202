"""Dropping what is older than it has to be kept."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest

from tests.support.virtual_clock import VirtualClock
from tests.ticker_server.history.test_bar_table import bar
from tests.ticker_server.history.test_bar_table import write as write_bars
from tests.ticker_server.history.test_tick_table import lines_of, partitions
from tests.ticker_server.history.test_tick_table import write as write_ticks
from ticker_server.catalog import Database, open_database
from ticker_server.errors import DatabaseUnavailable
from ticker_server.history.retention import Retention, RetentionWork
from ticker_server.history.tick_lines import DAY


@pytest.fixture
def today(clock: VirtualClock) -> int:
    """Return which day it is, counted from 1970."""
    return clock.wall() // DAY


def work(database: Database, clock: VirtualClock, *, raw_ticks: bool = False, **retention: int) -> RetentionWork:
    """Return the work of a retention."""
    return RetentionWork(database, clock, Retention(**retention), raw_ticks=raw_ticks)


def bar_days(url: str) -> list[int]:
    """Return the days that there are bars of, counted from 1970."""
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT DISTINCT floor(extract(epoch FROM start_time) / 86400)::int FROM minute_bar ORDER BY 1"
        ).fetchall()
    return [row[0] for row in rows]


async def test_old_days_of_ticks_are_dropped(database: Database, url: str, clock: VirtualClock, today: int) -> None:
    """Partitions of days before the retention are dropped, one day late; the others are kept."""
    await write_ticks(database, lines_of(today - 40, today - 5, today - 4, today - 3, today))
    await work(database, clock, tick_days=3)()

    assert list(partitions(url).values()) == [1, 1, 1]
    assert Retention(tick_days=3).oldest_tick_day(clock.wall()) == today - 3


async def test_partitions_are_made_ahead(database: Database, url: str, clock: VirtualClock) -> None:
    """Where ticks are stored, today and the next two days have their partitions; elsewhere none is made."""
    await work(database, clock)()
    assert partitions(url) == {}

    await work(database, clock, raw_ticks=True)()
    await work(database, clock, raw_ticks=True)()
    assert list(partitions(url).values()) == [0, 0, 0]


async def test_old_bars_are_deleted(database: Database, url: str, clock: VirtualClock, today: int) -> None:
    """Bars of days before the retention are deleted, however many, and by default none."""
    minutes = [bar(1, "1", time=(today - 9) * DAY + n * 60_000_000_000, stock_id=f"S{n % 7}") for n in range(1_400)]
    copies = [bar(1, "1", time=one.start, stock_id=f"{one.stock_id}{n}") for n in range(4) for one in minutes]
    kept = [bar(1, "1", time=(today - back) * DAY) for back in (0, 2)]
    await write_bars(database, *copies, *kept)
    await work(database, clock)()
    assert bar_days(url) == [today - 9, today - 2, today]

    await work(database, clock, bar_days=2)()
    assert bar_days(url) == [today - 2, today]


async def test_partition_that_is_read_is_left(database: Database, url: str, clock: VirtualClock, today: int) -> None:
    """While somebody reads the table nothing is dropped, nobody waits for long, and the next time it is."""
    await write_ticks(database, lines_of(today - 40))
    with psycopg.connect(url) as analyst:
        analyst.execute("SELECT count(*) FROM price_tick")
        await work(database, clock)()
        assert len(partitions(url)) == 1
    await work(database, clock)()
    assert partitions(url) == {}


async def test_documented_rights_are_enough(
    role_url: Callable[[str], str], database: Database, url: str, clock: VirtualClock, today: int
) -> None:
    """With the rights of the documentation a sync server makes and drops partitions, and deletes bars."""
    await write_ticks(database, lines_of(today - 40))
    await write_bars(database, bar(1, "1"))
    writer = open_database(role_url("ticker_sync"))
    await work(writer, clock, bar_days=1, raw_ticks=True)()
    await writer.close()

    assert (len(partitions(url)), bar_days(url)) == (3, [])


async def test_database_that_is_away(database: Database, clock: VirtualClock) -> None:
    """An outage is told as such."""
    await database.close()
    with pytest.raises(DatabaseUnavailable):
        await work(database, clock)()
