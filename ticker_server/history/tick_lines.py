"""Accepted ticks as lines for COPY into `price_tick`, by the day that each was accepted on. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from ticker_server.model.tick import AcceptedTick

__all__ = ["COLUMNS", "DAY", "TickLines"]

DAY = 24 * 3600 * 1_000_000_000
"""The length of a day, in nanoseconds."""

COLUMNS = "stock_id, price, size, accept_time, trade_time_ns, sequence, tick_number, log_partition, epoch_ordinal"
"""The columns of a line in order."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class TickLines:
    """The lines of what was added since the last `take`, by day (counted from 1970, UTC).

    A text each, which takes a third of the memory of the tick. Kafka accepts many ticks in one millisecond, so the last
    accept time is kept as text. It is in whole milliseconds, and so exact in PostgreSQL.
    """

    def __init__(self, log_partition: int, epoch_ordinal: int) -> None:
        self._place = f"{log_partition}\t{epoch_ordinal}\n"
        self._lines: dict[int, list[str]] = {}
        self._time: int | None = None
        self._time_text = ""
        self._of_day: list[str] = []
        self._count = 0

    def __len__(self) -> int:
        """Return how many lines there are."""
        return self._count

    def add(self, tick: AcceptedTick) -> None:
        """Take in a tick."""
        if tick.accept_time != self._time:
            self._turn_to(tick.accept_time)
        self._count += 1
        # No value has a character that COPY would take for something else.
        self._of_day.append(
            f"{tick.stock_id}\t{tick.price}\t{tick.size or _NULL}\t{self._time_text}\t{tick.trade_time}"
            f"\t{tick.sequence}\t{tick.tick_number}\t{self._place}"
        )

    def take(self) -> Mapping[int, Sequence[str]]:
        """Return the lines by day, and begin anew."""
        taken, self._lines, self._time, self._count = self._lines, {}, None, 0
        return taken

    def put_back(self, lines: Mapping[int, Sequence[str]]) -> None:
        """Take in lines that were taken out."""
        for day, some in lines.items():
            self._lines.setdefault(day, []).extend(some)
            self._count += len(some)

    def _turn_to(self, accept_time: int) -> None:
        self._time = accept_time
        self._time_text = (_EPOCH + timedelta(microseconds=accept_time // 1_000)).isoformat()
        self._of_day = self._lines.setdefault(accept_time // DAY, [])


_NULL = "\\N"
