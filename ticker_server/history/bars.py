"""The minute bars that are stored, for whoever serves them: of one stock, with how far they reach, as of one moment."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from ticker_server.catalog import Database
from ticker_server.history.moment import freeze
from ticker_server.model.bar import Bar, Mark, merged
from ticker_server.model.bar_page import BarPage
from ticker_server.model.minute_bars import MINUTE

__all__ = ["BarStore"]

_FARTHEST_MINUTE = 2**63 // MINUTE + 1
"""No trade time lies as many minutes from 1970, on either side."""

_SLICE = 200

_SIZES = "tick_count, epoch_ordinal, first_sequence, last_sequence"
_MARKS = "open_time_ns, open_sequence, close_time_ns, close_sequence"

# Which minutes come first, and then all rows of them: one per epoch.
_QUERY = (
    "SELECT {minute} AS minute, {decimals}, {sizes}, {marks} FROM minute_bar WHERE stock_id = :stock_id"
    " AND {key} IN (SELECT DISTINCT {key} FROM minute_bar WHERE stock_id = :stock_id"
    " AND {key} >= {first} AND {key} < {after} ORDER BY {key} LIMIT :limit) ORDER BY {key}, epoch_ordinal"
)
_MINUTES = {
    True: text(
        _QUERY.format(
            key="start_time",
            minute="(extract(epoch FROM start_time) / 60)::bigint",
            first="'epoch'::timestamptz + CAST(:first AS float8) * interval '1 minute'",
            after="'epoch'::timestamptz + CAST(:after AS float8) * interval '1 minute'",
            decimals="open, high, low, close, volume",
            sizes=_SIZES,
            marks=_MARKS,
        )
    ),
    False: text(
        _QUERY.format(
            key="start_minute",
            minute="start_minute",
            first=":first",
            after=":after",
            decimals="open_text, high_text, low_text, close_text, volume_text",
            sizes=_SIZES,
            marks=_MARKS,
        )
    ),
}
_NEWEST = "FROM log_epoch ORDER BY ordinal DESC LIMIT 1"
# The stock's newest tick that is stored: in the same transaction as its bars. An epoch that has come back is folded anew from
# its beginning, while its bars reach as far as they did before.
_OWN = "SELECT sequence FROM latest_price WHERE stock_id = :stock_id"
_LIVES = "SELECT life.ordinal FROM log_epoch AS life WHERE life.epoch = log_epoch.epoch"
_FORMER = (
    f"SELECT max(last_sequence) FROM minute_bar WHERE stock_id = :stock_id AND epoch_ordinal IN ({_LIVES})"  # noqa: S608
    " AND 1 < (SELECT count(*) FROM log_epoch AS life WHERE life.epoch = log_epoch.epoch)"
)
_THROUGH = {
    True: text(
        f"SELECT epoch, ordinal, coalesce(greatest(({_OWN} AND epoch_ordinal = ordinal), ({_FORMER})), 0) {_NEWEST}"
    ),
    False: text(f"SELECT epoch, ordinal, coalesce(({_OWN}), 0) {_NEWEST}"),
}


class BarStore:
    """The table `minute_bar` of either database, its epochs merged. All methods raise DatabaseUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(self, stock_id: str, start: int, end: int, limit: int) -> BarPage:
        """Return up to `limit` bars of a stock in ascending order, those that begin from `start` to before `end`.

        Instants are in nanoseconds since the epoch; a minute without a tick has no bar. How far the bars reach is told as
        of the same moment.
        """
        return await self._database.complete(self._read(stock_id, start, end, limit))

    async def _read(self, stock_id: str, start: int, end: int, limit: int) -> BarPage:
        async with self._database.reading() as connection:
            if self._database.is_postgresql:
                await freeze(connection)
            epoch, ordinal, through = await self._reach(connection, stock_id)
            if start >= end or limit <= 0:
                return BarPage((), epoch, through, ordinal)
            span = {"first": _minute_at_or_after(start), "after": _minute_at_or_after(end)}
            rows = (
                await connection.execute(self._of_dialect(_MINUTES), {"stock_id": stock_id, "limit": limit, **span})
            ).all()
        return BarPage(await _merged(stock_id, rows), epoch, through, ordinal)

    async def _reach(self, connection: AsyncConnection, stock_id: str) -> tuple[str, int, int]:
        """Return the newest epoch and its ordinal, and the stock's newest sequence in it that is stored."""
        row = (await connection.execute(self._of_dialect(_THROUGH), {"stock_id": stock_id})).one_or_none()
        return ("", 0, 0) if row is None else (str(row[0]), int(row[1]), int(row[2]))

    def _of_dialect(self, queries: dict[bool, TextClause]) -> TextClause:
        return queries[self._database.is_postgresql]


def _minute_at_or_after(instant: int) -> int:
    return max(-_FARTHEST_MINUTE, min(-(-instant // MINUTE), _FARTHEST_MINUTE))


async def _merged(stock_id: str, rows: Sequence[Any]) -> list[Bar]:
    """Return a bar for each minute of rows that are in order."""
    bars: list[Bar] = []
    for start in range(0, len(rows), _SLICE):
        for row in rows[start : start + _SLICE]:
            bar = _bar(stock_id, *row)
            if bars and bars[-1].start == bar.start:
                bars[-1] = merged(bars[-1], bar)
            else:
                bars.append(bar)
        await asyncio.sleep(0)  # 10 us per row would hold up the others of the loop
    return bars


def _bar(stock_id: str, minute: int, *values: Any) -> Bar:
    *decimals, count, epoch, first, last, open_time, open_sequence, close_time, close_sequence = values
    open_, high, low, close, volume = (Decimal(value) for value in decimals)
    return Bar(
        stock_id=stock_id,
        start=minute * MINUTE,
        open=open_,
        high=high,
        low=low,
        close=close,
        volume=volume,
        tick_count=count,
        epoch=epoch,
        first_sequence=first,
        last_sequence=last,
        opened=Mark(open_time, epoch, open_sequence),
        closed=Mark(close_time, epoch, close_sequence),
    )
