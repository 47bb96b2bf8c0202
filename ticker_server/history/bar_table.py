"""The way into `minute_bar`: bars as arrays in one statement, or by COPY where they are many, merged with what stands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from sqlalchemy.ext.asyncio import AsyncConnection

from ticker_server.model.bar import Bar
from ticker_server.model.minute_bars import MINUTE

__all__ = ["write_bars"]

_Row: TypeAlias = tuple[str, int, str, str, str, str, str, int, int, int, int, int, int, int]

_MANY_ROWS = 100

_STAGED = (
    ("stock_id", "text"),
    ("start_minute", "int"),
    *((name, "numeric") for name in ("open", "high", "low", "close", "volume")),
    *((name, "bigint") for name in ("tick_count", "first_sequence", "last_sequence")),
    *((name, "bigint") for name in ("open_time_ns", "open_sequence", "close_time_ns", "close_sequence")),
)
_NAMES = ", ".join(name for name, _ in _STAGED)
_WRITTEN = _NAMES.replace("start_minute", "start_time")
_VALUES = _NAMES.replace("start_minute", "'epoch'::timestamptz + start_minute * interval '1 minute'")
_ARRAYS = ", ".join(f"%s::{kind}[]" for _, kind in _STAGED)
_OPENS = "(excluded.open_time_ns, excluded.open_sequence) < (old.open_time_ns, old.open_sequence)"
_CLOSES = "(excluded.close_time_ns, excluded.close_sequence) > (old.close_time_ns, old.close_sequence)"
_CHANGES = ", ".join(
    (
        *(
            f"{name} = CASE WHEN {_OPENS} THEN excluded.{name} ELSE old.{name} END"
            for name in ("open", "open_time_ns", "open_sequence")
        ),
        *(
            f"{name} = CASE WHEN {_CLOSES} THEN excluded.{name} ELSE old.{name} END"
            for name in ("close", "close_time_ns", "close_sequence")
        ),
        *(f"{name} = greatest(old.{name}, excluded.{name})" for name in ("high", "last_sequence")),
        *(f"{name} = least(old.{name}, excluded.{name})" for name in ("low", "first_sequence")),
        *(f"{name} = old.{name} + excluded.{name}" for name in ("volume", "tick_count")),
    )
)
_MERGE = (
    f"INSERT INTO minute_bar AS old ({_WRITTEN}, epoch_ordinal)"  # noqa: S608 - constants of this module
    f" SELECT {_VALUES}, %s FROM {{source}}"
    f" ON CONFLICT (stock_id, start_time, epoch_ordinal) DO UPDATE SET {_CHANGES}"
)
_MERGE_ARRAYS = _MERGE.format(source=f"unnest({_ARRAYS}) AS new ({_NAMES})")
_MERGE_STAGED = _MERGE.format(source="staged_bar")
_COLUMNS = ", ".join(f"{name} {kind}" for name, kind in _STAGED)
_STAGE = f"CREATE TEMP TABLE IF NOT EXISTS staged_bar ({_COLUMNS}) ON COMMIT DELETE ROWS"
_COPY = f"COPY staged_bar ({_NAMES}) FROM STDIN"


async def write_bars(connection: AsyncConnection, epoch_ordinal: int, bars: Sequence[Bar]) -> None:
    """Merge bars, each of another stock or minute, with those that stand in the epoch; within the transaction.

    The same bars twice count twice: the caller has moved the partition's position over their ticks in the same
    transaction, and so nobody else adds them.
    """
    rows = [_row(bar) for bar in bars]
    if len(rows) < _MANY_ROWS:
        if rows:
            arrays = tuple(list(values) for values in zip(*rows, strict=True))
            await connection.exec_driver_sql(_MERGE_ARRAYS, (epoch_ordinal, *arrays))
        return
    await connection.exec_driver_sql(_STAGE)
    driver = (await connection.get_raw_connection()).driver_connection
    assert driver is not None
    async with driver.cursor() as cursor, cursor.copy(_COPY) as copy:
        # No value has a character that COPY would take for something else.
        await copy.write("".join("\t".join(map(str, row)) + "\n" for row in rows))
    await connection.exec_driver_sql(_MERGE_STAGED, (epoch_ordinal,))


def _row(bar: Bar) -> _Row:
    return (
        bar.stock_id,
        bar.start // MINUTE,
        str(bar.open),
        str(bar.high),
        str(bar.low),
        str(bar.close),
        str(bar.volume),
        bar.tick_count,
        bar.first_sequence,
        bar.last_sequence,
        bar.opened.trade_time,
        bar.opened.sequence,
        bar.closed.trade_time,
        bar.closed.sequence,
    )
