"""How long bars and ticks are kept, and the work that drops what is older, in small steps."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import text

from ticker_server.catalog import Database
from ticker_server.clock import Clock
from ticker_server.history.tick_lines import DAY
from ticker_server.history.tick_table import prepare_day

__all__ = ["RETENTION", "Retention", "RetentionWork"]

_DAYS_AHEAD = 2
_CHUNK = 5_000
_PAUSE_SECONDS = 0.1

_DROP_DAY = text("SELECT drop_price_ticks(date '1970-01-01' + CAST(:day AS int))")
_DELETE_BARS = text(
    "DELETE FROM minute_bar WHERE ctid IN (SELECT ctid FROM minute_bar"
    " WHERE start_time < 'epoch'::timestamptz + CAST(:day AS float8) * interval '24 hours' LIMIT :chunk)"
)

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Retention:
    """So many whole days (UTC) are kept beside the present one; 0 = for ever."""

    bar_days: int = 0
    tick_days: int = 30

    def oldest_tick_day(self, now: int) -> int:
        """Return the first day, counted from 1970, of which ticks are kept; `now` in nanoseconds since the epoch."""
        return now // DAY - self.tick_days if self.tick_days else 0


RETENTION = Retention()
"""What is kept unless settings say otherwise: bars for ever, ticks for 30 days."""


class RetentionWork:
    """Drops what is older than the retention; with `raw_ticks` it also makes the partitions of the next days."""

    def __init__(self, database: Database, clock: Clock, retention: Retention, *, raw_ticks: bool) -> None:
        self._database = database
        self._clock = clock
        self._retention = retention
        self._raw_ticks = raw_ticks

    async def __call__(self) -> bool:
        """Do what there is to do now; several sync servers may at the same time. Raises DatabaseUnavailable."""
        today = self._clock.wall() // DAY
        if self._raw_ticks:
            await self._database.complete(self._prepare(today))
        if self._retention.tick_days:
            # A day later than it could be: a member whose day has not turned may be writing to it.
            await self._repeat(self._drop_day, today - self._retention.tick_days - 1)
        if self._retention.bar_days:
            await self._repeat(self._delete_bars, today - self._retention.bar_days)
        return True

    async def _repeat(self, step: Callable[[int], Coroutine[Any, Any, bool]], before: int) -> None:
        """Take steps, with pauses in which others have their turn, until there is nothing more before a day."""
        while True:
            if not await self._database.complete(step(before)):
                return
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _prepare(self, today: int) -> None:
        for day in range(today, today + _DAYS_AHEAD + 1):
            async with self._database.writing() as connection:
                await prepare_day(connection, day)

    async def _drop_day(self, before: int) -> bool:
        """Drop the partition of the oldest day before another one; tell whether there was one."""
        async with self._database.writing() as connection:
            dropped = bool((await connection.execute(_DROP_DAY, {"day": before})).scalar_one())
        if dropped:
            _log.info("ticks of a day dropped")
        return dropped

    async def _delete_bars(self, before: int) -> bool:
        """Delete some bars of before a day; tell whether there may be more."""
        async with self._database.writing() as connection:
            deleted = await connection.execute(_DELETE_BARS, {"day": before, "chunk": _CHUNK})
        return deleted.rowcount == _CHUNK
