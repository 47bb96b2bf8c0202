"""Writing ticks into daily partitions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal

import psycopg

from ticker_server.catalog import Database, downgrade, open_database, upgrade
from ticker_server.history.tick_lines import DAY, TickLines
from ticker_server.history.tick_table import prepare_day, write_ticks
from ticker_server.model.tick import AcceptedTick


def lines_of(*days: int) -> TickLines:
    """Return lines of a tick of each day, the sequences in order."""
    lines = TickLines(3, 2)
    for sequence, day in enumerate(days, 1):
        lines.add(AcceptedTick("AAPL", "1.50", "", day * DAY + 1_999, day * DAY + 5_000_000, sequence, sequence))
    return lines


async def write(database: Database, lines: TickLines, oldest_day: int = 0) -> None:
    """Write lines in a transaction of their own."""
    async with database.writing() as connection:
        await write_ticks(connection, lines.take(), oldest_day)


def partitions(url: str) -> dict[str, int]:
    """Return how many ticks each partition has."""
    with psycopg.connect(url) as connection:
        names = connection.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'price_tick'::regclass"
        ).fetchall()
        counts = {name: connection.execute(f"SELECT count(*) FROM {name}".encode()).fetchone() for (name,) in names}
    return {name: row[0] for name, row in counts.items() if row is not None}


async def test_ticks_stand_in_the_partitions_of_their_days(database: Database, url: str) -> None:
    """Each tick is in the partition of the day that it was accepted on, which is made where it is missing."""
    await write(database, lines_of(0, 1, 1))
    await write(database, lines_of(1, 20_420))

    assert partitions(url) == {"price_tick_19700101": 1, "price_tick_19700102": 3, "price_tick_20251128": 1}
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "SELECT stock_id, price, size, trade_time::text, accept_time::text, trade_time_ns, sequence, tick_number,"
            " log_partition, epoch_ordinal FROM price_tick WHERE accept_time > '2000-01-01'"
        ).fetchone()
    begin = 20_420 * DAY
    assert row == (
        *("AAPL", Decimal("1.50"), None, "2025-11-28 00:00:00.000001+00", "2025-11-28 00:00:00.005+00"),
        *(begin + 1_999, 2, 2, 3, 2),
    )


async def test_days_that_are_not_kept_are_not_written(database: Database, url: str) -> None:
    """Ticks of days before the oldest one that is kept are left out."""
    await write(database, lines_of(3, 4, 5), oldest_day=5)
    await write(database, lines_of(3), oldest_day=5)

    assert partitions(url) == {"price_tick_19700106": 1}


async def test_partition_is_made_once(database: Database, url: str) -> None:
    """Members that need the partition of a day at the same time make it once."""

    async def prepare() -> None:
        async with database.writing() as connection:
            await prepare_day(connection, 7)

    await asyncio.gather(*(prepare() for _ in range(4)))
    assert partitions(url) == {"price_tick_19700108": 0}


async def test_reader_is_not_waited_for(database: Database, url: str) -> None:
    """A new day begins while an analyst reads the table for long."""
    await write(database, lines_of(1))
    with psycopg.connect(url) as analyst:
        analyst.execute("SELECT count(*) FROM price_tick")
        async with asyncio.timeout(10):
            await write(database, lines_of(2))


async def test_way_down_takes_partitions_along(database: Database, url: str) -> None:
    """Without the table there is no partition, and the way up makes an empty one again."""
    await write(database, lines_of(1, 2))
    await asyncio.to_thread(downgrade, url, "0005")
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT relname FROM pg_class WHERE relname ~ 'price_tick'").fetchall() == []
    await asyncio.to_thread(upgrade, url)

    await write(database, lines_of(1))
    assert partitions(url) == {"price_tick_19700102": 1}


async def test_documented_rights_are_enough(role_url: Callable[[str], str]) -> None:
    """With the rights of the documentation a sync server makes partitions and writes, and analysts read."""
    writer = open_database(role_url("ticker_sync"))
    await write(writer, lines_of(1, 2))
    await writer.close()

    with psycopg.connect(role_url("analyst")) as connection:
        assert connection.execute("SELECT count(*) FROM price_tick").fetchall() == [(2,)]
