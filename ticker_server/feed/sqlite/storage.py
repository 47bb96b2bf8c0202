"""What the embedded price log reads from and writes to its file: plain SQL, synchronous, called in a thread.

The tables are made by the catalog's migrations. Ticks, their bars and the acceptance state that follows them are written
in one transaction, so a restart folds nothing.
"""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ticker_server.feed.sqlite.bar_table import add_bars
from ticker_server.model.acceptance import Numbering
from ticker_server.model.tick import AcceptedTick

__all__ = ["State", "Storage"]

_BUSY_SECONDS = 5.0
_TICK = "stock_id, price, size, trade_time_ns, accept_time_ns, sequence, tick_number"


@dataclass(frozen=True, slots=True)
class State:
    """Where the log stands: its epoch, the last sequence ever given, and what acceptance remembers."""

    epoch: str
    last_sequence: int
    numberings: Sequence[Numbering]


class Storage:
    """One connection to the file; used by one thread at a time."""

    def __init__(self, path: Path) -> None:
        # FULL: a commit is what "durable" means, so it must have reached the disk when it returns.
        self._connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=FULL")

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def load(self) -> State:
        """Read the state; the first time ever, draw the epoch of this log."""
        row = self._connection.execute("SELECT epoch FROM log_epoch ORDER BY ordinal DESC LIMIT 1").fetchone()
        epoch = row[0] if row else str(uuid.uuid4())
        if not row:
            self._connection.execute("INSERT INTO log_epoch (epoch) VALUES (?)", (epoch,))
        numberings = [
            Numbering(AcceptedTick(*values), dict(json.loads(publishers)))
            for *values, publishers in self._connection.execute(f"SELECT {_TICK}, publishers FROM latest_price")  # noqa: S608 - a constant
        ]
        given = self._connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'price_tick'").fetchone()
        newest = max((numbering.newest.sequence for numbering in numberings), default=0)
        return State(epoch, max(given[0] if given else 0, newest), numberings)

    def append(self, ticks: Sequence[AcceptedTick], numberings: Sequence[Numbering]) -> None:
        """Write accepted ticks, their bars and the state of their stocks; all or nothing, durable when it returns."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            self._connection.executemany(
                f"INSERT INTO price_tick ({_TICK}) VALUES (?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - a constant
                [_row(tick) for tick in ticks],
            )
            self._connection.executemany(
                f"INSERT OR REPLACE INTO latest_price ({_TICK}, publishers) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - a constant
                [(*_row(numbering.newest), _publishers(numbering)) for numbering in numberings],
            )
            add_bars(self._connection, ticks)
            self._connection.execute("COMMIT")
        except BaseException:
            self._connection.rollback()
            raise

    def ticks_after(self, sequence: int, limit: int) -> list[AcceptedTick]:
        """Return up to `limit` ticks above a sequence, in order."""
        rows = self._connection.execute(
            f"SELECT {_TICK} FROM price_tick WHERE sequence > ? ORDER BY sequence LIMIT ?",  # noqa: S608 - a constant
            (sequence, limit),
        )
        return [AcceptedTick(*row) for row in rows]

    def oldest(self) -> tuple[int, int] | None:
        """Return sequence and accept time of the oldest tick; None if there is none."""
        row: tuple[int, int] | None = self._connection.execute(
            "SELECT sequence, accept_time_ns FROM price_tick ORDER BY sequence LIMIT 1"
        ).fetchone()
        return row

    def first_sequence_since(self, accept_time: int) -> int:
        """Return the lowest sequence accepted at or after an instant; one above the last if there is none.

        Accept times never go back along the log, so this is a binary search over the primary key.
        """
        low, high = self._connection.execute(
            "SELECT coalesce(min(sequence), 1), coalesce(max(sequence), 0) FROM price_tick"
        ).fetchone()
        while low <= high:
            middle = (low + high) // 2
            (accepted,) = self._connection.execute(
                "SELECT accept_time_ns FROM price_tick WHERE sequence >= ? ORDER BY sequence LIMIT 1", (middle,)
            ).fetchone()
            if accepted < accept_time:
                low = middle + 1
            else:
                high = middle - 1
        return int(low)

    def prune(self, before_sequence: int, limit: int) -> int:
        """Delete up to `limit` of the oldest ticks below a sequence; return how many were deleted."""
        return self._connection.execute(
            "DELETE FROM price_tick WHERE sequence IN"
            " (SELECT sequence FROM price_tick WHERE sequence < ? ORDER BY sequence LIMIT ?)",
            (before_sequence, limit),
        ).rowcount


def _row(tick: AcceptedTick) -> tuple[str, str, str, int, int, int, int]:
    return (
        tick.stock_id,
        tick.price,
        tick.size,
        tick.trade_time,
        tick.accept_time,
        tick.sequence,
        tick.tick_number,
    )


def _publishers(numbering: Numbering) -> str:
    return json.dumps(list(numbering.publishers.items()), separators=(",", ":"))
