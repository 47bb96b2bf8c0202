"""The way into `price_tick`: COPY into the partitions of the days, which are made where they are missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from ticker_server.history.tick_lines import COLUMNS

__all__ = ["prepare_day", "write_ticks"]

_COPY = f"COPY price_tick ({COLUMNS}) FROM STDIN"
_PREPARE = text("SELECT prepare_price_ticks(date '1970-01-01' + CAST(:day AS int))")
_CHUNK = 10_000


async def prepare_day(connection: AsyncConnection, day: int) -> None:
    """Make the partition of a day, counted from 1970, unless there is one."""
    await connection.execute(_PREPARE, {"day": day})


async def write_ticks(connection: AsyncConnection, lines: Mapping[int, Sequence[str]], oldest_day: int) -> None:
    """Write lines by day, except those of days that are not kept any more; within the transaction.

    As with bars, the caller has moved the partition's position over the ticks in the same transaction.
    """
    kept = {day: of_day for day, of_day in lines.items() if day >= oldest_day and of_day}
    if not kept:
        return
    for day in sorted(kept):
        await prepare_day(connection, day)
    driver = (await connection.get_raw_connection()).driver_connection
    assert driver is not None
    async with driver.cursor() as cursor, cursor.copy(_COPY) as copy:
        for of_day in kept.values():
            for start in range(0, len(of_day), _CHUNK):
                await copy.write("".join(of_day[start : start + _CHUNK]))
