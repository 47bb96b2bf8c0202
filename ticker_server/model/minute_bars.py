"""The ticks of one log epoch as minute bars, taken in one by one in the log's order."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from ticker_server.model.bar import Bar, Mark, merged
from ticker_server.model.tick import AcceptedTick

__all__ = ["MINUTE", "MinuteBars"]

MINUTE = 60_000_000_000
"""The length of a minute, in nanoseconds."""


class MinuteBars:
    """The bars of what was added since the last `take`, one per stock and minute (UTC, by trade time).

    It comes to what merging the bars of all ticks comes to, at a tenth of the cost: 1 us per tick. `epoch` is the
    ordinal of the log epoch. Later ticks of a log have higher sequences, so of equal trade times the later one closes.
    """

    def __init__(self, epoch: int) -> None:
        self._epoch = epoch
        # [open, high, low, close, volume, count, first and last sequence, time and sequence of open, and of close]
        self._values: dict[tuple[str, int], list[Any]] = {}

    def __len__(self) -> int:
        """Return how many bars there are."""
        return len(self._values)

    def add(self, tick: AcceptedTick) -> None:
        """Take in the next tick of the log."""
        time, sequence, price = tick.trade_time, tick.sequence, Decimal(tick.price)
        size = Decimal(tick.size) if tick.size else Decimal()
        key = (tick.stock_id, time // MINUTE)
        found = self._values.get(key)
        if found is None:
            self._values[key] = [
                price,
                price,
                price,
                price,
                size,
                1,
                sequence,
                sequence,
                time,
                sequence,
                time,
                sequence,
            ]
            return
        if price > found[1]:
            found[1] = price
        elif price < found[2]:
            found[2] = price
        found[4] += size
        found[5] += 1
        found[7] = sequence
        if time < found[8]:
            found[0], found[8], found[9] = price, time, sequence
        if time >= found[10]:
            found[3], found[10], found[11] = price, time, sequence

    def take(self) -> list[Bar]:
        """Return the bars, ordered by stock and minute, and begin anew; what is added later does not change them."""
        taken, self._values = self._values, {}
        return [self._bar(key, taken[key]) for key in sorted(taken)]

    def put_back(self, bars: Iterable[Bar]) -> None:
        """Take in bars that were taken out, together with what was added since."""
        for bar in bars:
            key = (bar.stock_id, bar.start // MINUTE)
            later = self._values.get(key)
            self._values[key] = _values(bar if later is None else merged(bar, self._bar(key, later)))

    def _bar(self, key: tuple[str, int], values: list[Any]) -> Bar:
        open_, high, low, close, volume, count, first, last, *marks = values
        return Bar(
            stock_id=key[0],
            start=key[1] * MINUTE,
            open=open_,
            high=high,
            low=low,
            close=close,
            volume=volume,
            tick_count=count,
            epoch=self._epoch,
            first_sequence=first,
            last_sequence=last,
            opened=Mark(marks[0], self._epoch, marks[1]),
            closed=Mark(marks[2], self._epoch, marks[3]),
        )


def _values(bar: Bar) -> list[Any]:
    return [
        *(bar.open, bar.high, bar.low, bar.close, bar.volume, bar.tick_count, bar.first_sequence, bar.last_sequence),
        *(bar.opened.trade_time, bar.opened.sequence, bar.closed.trade_time, bar.closed.sequence),
    ]
