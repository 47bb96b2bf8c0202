"""Publisher ids and sequences: what makes a repeated file harmless."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import Protocol

from ticker_client.cli.columns import Columns
from ticker_client.cli.csv_ticks import CsvTick

__all__ = ["FileNumbering", "Numbering", "TradeTimeNumbering", "file_publisher_id", "is_publisher_id"]

_PUBLISHER_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)


class Numbering(Protocol):
    """Gives each tick its publisher sequence: strictly increasing for each stock, and the same in every run."""

    def sequence_of(self, tick: CsvTick) -> int:
        """Return the sequence of the next tick of the file."""


class FileNumbering:
    """The running number in the file. It goes with a publisher id that is a hash of the file."""

    def sequence_of(self, tick: CsvTick) -> int:
        """Return the sequence of a tick."""
        return tick.number


class TradeTimeNumbering:
    """The trade time in nanoseconds, made strictly increasing; it goes with a publisher id that was chosen.

    A tick without a trade time has the moment at which it is published.
    """

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self._last: dict[str, int] = {}

    def sequence_of(self, tick: CsvTick) -> int:
        """Return the sequence of the next tick."""
        wanted = self._now() if tick.trade_time is None else tick.trade_time
        sequence = max(wanted, self._last.get(tick.stock_id, 0) + 1)
        self._last[tick.stock_id] = sequence
        return sequence


def file_publisher_id(digest: str, columns: Columns, time_zone: str) -> str:
    """Return the publisher id of a file: the same for the same text read in the same way.

    The way it is read belongs to it, because other columns or another time zone make other ticks under the same
    running numbers; with the id of the text alone they would be taken for repeats and lost.
    """
    reading = (digest, columns.stock_id, columns.prices, columns.size, columns.trade_time, time_zone)
    return f"csv-{hashlib.blake2b(repr(reading).encode(), digest_size=16).hexdigest()}"


def is_publisher_id(text: str) -> bool:
    """Tell whether a text has the form of a publisher id."""
    return _PUBLISHER_ID.fullmatch(text) is not None
