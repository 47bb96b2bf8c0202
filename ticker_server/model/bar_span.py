"""The spans that bars cover: whole multiples of a length, or the days of a time zone; and bars folded into longer ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Protocol

from ticker_server.model.bar import Bar
from ticker_server.model.zone import DAY_SECONDS, local_time_instant

__all__ = ["LONGEST_SPAN_MINUTES", "MINUTE", "BarFold", "Days", "Lengths", "Spans"]

MINUTE = 60_000_000_000
"""The length of a stored bar, in nanoseconds."""

LONGEST_SPAN_MINUTES = 2 * 24 * 60
"""No span begins with more minutes than this: a day lasts up to two where a place went to the other side of the date line."""

_SECOND = 1_000_000_000
_DAY = DAY_SECONDS * _SECOND
_MIDNIGHTS_KEPT = 16_384


class Spans(Protocol):
    """Spans of time that follow each other without a hole. All instants are nanoseconds since the epoch."""

    def start(self, at: int) -> int:
        """Return the start of the span that an instant lies in."""

    def end(self, at: int) -> int:
        """Return the end of that span, which is the start of the next one."""

    def minutes(self, count: int) -> int:
        """Return how many bars of one minute so many spans have, at most."""


@dataclass(frozen=True, slots=True)
class Lengths:
    """Spans of one length (nanoseconds, whole minutes), from its whole multiples since 1970 on (UTC)."""

    length: int

    def start(self, at: int) -> int:
        """Return the start of the span that an instant lies in."""
        return at - at % self.length

    def end(self, at: int) -> int:
        """Return the end of that span, which is the start of the next one."""
        return self.start(at) + self.length

    def minutes(self, count: int) -> int:
        """Return how many bars of one minute so many spans have, at most."""
        return count * self.length // MINUTE


@dataclass(frozen=True, slots=True)
class Days:
    """The days of an IANA time zone: each begins when its wall clock first shows the midnight, or what is skipped with it.

    So a day has 23 or 25 hours where the clock changes, and a date that a zone skipped is no span. The zone is one for
    which `is_time_zone` is true. A minute that a day begins in, as with some local times of long ago, is not divided:
    it counts to the span that has its first moment.
    """

    time_zone: str

    def start(self, at: int) -> int:
        """Return the start of the day that an instant lies in."""
        return max(midnight for midnight in self._midnights(at) if midnight <= at)

    def end(self, at: int) -> int:
        """Return the end of that day, which is the start of the next one."""
        return min(midnight for midnight in self._midnights(at) if midnight > at)

    def minutes(self, count: int) -> int:
        """Return how many bars of one minute so many days have, at most."""
        return count * LONGEST_SPAN_MINUTES

    def _midnights(self, at: int) -> Iterator[int]:
        """Yield the starts of the days around an instant, in order; its date is at most one off that of UTC."""
        today = at // _DAY
        return (_midnight(self.time_zone, day) for day in range(today - 2, today + 4))


@lru_cache(maxsize=_MIDNIGHTS_KEPT)
def _midnight(time_zone: str, day: int) -> int:
    return local_time_instant(time_zone, day, 0) * _SECOND


class BarFold:
    """Folds bars of one stock, which come in order of their start, into those of longer spans."""

    __slots__ = ("_end", "_open", "_spans")

    def __init__(self, spans: Spans) -> None:
        self._spans = spans
        self._open: list[Bar] = []
        self._end = 0

    def add(self, bar: Bar) -> Bar | None:
        """Take the next bar; return the longer one that it completes by beginning another, if it does."""
        completed = self.pass_to(bar.start)
        if not self._open:
            self._end = self._spans.end(bar.start)
        self._open.append(bar)
        return completed

    def pass_to(self, at: int) -> Bar | None:
        """Return the longer bar that is complete if nothing is to come from before an instant, if there is one."""
        return self.finish() if self._open and at >= self._end else None

    def finish(self) -> Bar | None:
        """Return the bar that nothing is to come to any more, if there is one."""
        if not self._open:
            return None
        bars, self._open = self._open, []
        return _joined(bars, self._spans.start(bars[0].start))


def _joined(bars: Sequence[Bar], start: int) -> Bar:
    """Return the bar of bars that follow each other: what merging them one by one would give, at a tenth of the cost."""
    first, last = bars[0], bars[-1]
    newest = max(bar.epoch for bar in bars)
    counted = [bar for bar in bars if bar.epoch == newest]
    return Bar(
        stock_id=first.stock_id,
        start=start,
        open=first.open,
        high=max(bar.high for bar in bars),
        low=min(bar.low for bar in bars),
        close=last.close,
        volume=sum((bar.volume for bar in bars), Decimal()),
        tick_count=sum(bar.tick_count for bar in bars),
        epoch=newest,
        first_sequence=min(bar.first_sequence for bar in counted),
        last_sequence=max(bar.last_sequence for bar in counted),
        opened=first.opened,
        closed=last.closed,
    )
