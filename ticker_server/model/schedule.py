"""Schedules: the hours of a local day in which a subscription is active.

What is kept is the local wall clock and the zone; instants are worked out when they are asked for, so that a change of
a zone's rules applies to what is stored. All instants are integers, nanoseconds since the Unix epoch.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from ticker_server.errors import shown
from ticker_server.model.zone import DAY_MINUTES, DAY_SECONDS, is_time_zone, local_time_instant

__all__ = ["DEFAULT_WINDOW", "Schedule", "Window", "is_time_zone", "parse_window"]

_SECOND = 1_000_000_000
_DAY = DAY_SECONDS * _SECOND

_SEARCHED_DAYS = 6 * 7
"""A weekly pattern changes within a week, or, where clock changes swallow a window or a pause, in one soon after."""

_PLANS_KEPT = 16_384

_TIME_OF_DAY = re.compile(r"(\d\d):(\d\d)", re.ASCII)
_EVERY_WEEKDAY = (1, 2, 3, 4, 5, 6, 7)


@dataclass(frozen=True, slots=True)
class Window:
    """Hours of a local day, half-open. `parse_window` makes one from texts and checks it.

    `start` (0..1439) and `end` (1..1440) are minutes of the day and differ. An end before the start lies on the next
    day; such a window belongs to the day of its start. `weekdays` are sorted ISO weekdays, 1 = Monday to 7 = Sunday;
    none means every day.
    """

    start: int
    end: int
    weekdays: tuple[int, ...] = ()

    @property
    def start_text(self) -> str:
        """The start as HH:MM."""
        return _time_text(self.start)

    @property
    def end_text(self) -> str:
        """The end as HH:MM, 24:00 for the end of the day."""
        return _time_text(self.end)

    @property
    def never_closes(self) -> bool:
        """Whether the window is all of every day."""
        return self.end - self.start == DAY_MINUTES and self.weekdays in ((), _EVERY_WEEKDAY)

    def opens_on(self, day: int) -> bool:
        """Tell whether the window may open on a local date, given in days since 1970-01-01 (a Thursday)."""
        return not self.weekdays or (day + 3) % 7 + 1 in self.weekdays


DEFAULT_WINDOW = Window(10 * 60, 18 * 60)
"""10:00-18:00 every day."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a subscription is active: in a window of an IANA time zone's wall clock, or always (no window).

    Skipped local times (spring) become the end of the skip, so a window wholly inside it does not open that day; of
    repeated local times (autumn) the first counts. Windows that touch or overlap are one: nothing changes between.
    Asking is cheap, but a caller that asks often does best to keep the answer until `next_change`.
    """

    time_zone: str
    window: Window | None

    def is_open(self, at: int) -> bool:
        """Tell whether the window is open at an instant."""
        if self.window is None or self.window.never_closes:
            return True
        plan = _plan(self.time_zone, self.window, at // _DAY)
        return plan.open_before ^ (bisect_right(plan.changes, at) % 2 == 1)

    def next_change(self, at: int) -> int | None:
        """Return the first instant after `at` at which the window opens or closes, or None if it never does."""
        if self.window is None or self.window.never_closes:
            return None
        today = at // _DAY
        plans = (_plan(self.time_zone, self.window, day) for day in range(today, today + _SEARCHED_DAYS))
        return next((change for plan in plans for change in plan.changes if change > at), None)

    def next_open(self, at: int) -> int | None:
        """Return the instant of the next opening, or None while the window is open."""
        return None if self.is_open(at) else self.next_change(at)


def parse_window(start: str, end: str, weekdays: Sequence[int]) -> Window:
    """Return the window that texts describe: start and end as HH:MM, weekdays as ISO numbers in any order.

    An end of 00:00 is the midnight after the start and kept as 24:00; weekdays named twice count once.

    Raises:
        ValueError: A text or weekday breaks a rule; the message names it and the rule.
    """
    start_minute, end_minute = _minute_of_day(start), _minute_of_day(end)
    if start_minute is None or start_minute == DAY_MINUTES:
        raise ValueError(f"window start {shown(start)} is not a time HH:MM between 00:00 and 23:59")
    if end_minute is None:
        raise ValueError(f"window end {shown(end)} is not a time HH:MM between 00:00 and 24:00")
    if start_minute == end_minute:
        raise ValueError(
            f"window start and end are both {start}, but must differ; a whole day is 00:00 to 24:00, "
            "and a schedule of always has no window"
        )
    for weekday in weekdays:
        if weekday not in _EVERY_WEEKDAY:
            raise ValueError(f"window weekday {weekday} is not a number from 1 (Monday) to 7 (Sunday)")
    return Window(start_minute, end_minute or DAY_MINUTES, tuple(sorted(set(weekdays))))


def _minute_of_day(text: str) -> int | None:
    """Return 0 to 1440 for 00:00 to 24:00, None for anything else."""
    match = _TIME_OF_DAY.fullmatch(text)
    if match is None:
        return None
    hour, minute = int(match[1]), int(match[2])
    total = hour * 60 + minute
    return total if minute < 60 and total <= DAY_MINUTES else None


def _time_text(minute_of_day: int) -> str:
    hour, minute = divmod(minute_of_day, 60)
    return f"{hour:02}:{minute:02}"


class _Plan(NamedTuple):
    """The changes of a window within one UTC day, in order, and whether it was open just before that day."""

    open_before: bool
    changes: tuple[int, ...]


@lru_cache(maxsize=_PLANS_KEPT)
def _plan(time_zone: str, window: Window, utc_day: int) -> _Plan:
    begin, end = utc_day * _DAY, (utc_day + 1) * _DAY
    spans = list(_spans(time_zone, window, utc_day))
    return _Plan(
        open_before=any(opening < begin <= closing for opening, closing in spans),
        changes=tuple(change for span in spans for change in span if begin <= change < end),
    )


def _spans(time_zone: str, window: Window, utc_day: int) -> Iterator[tuple[int, int]]:
    """Yield, in order, the times around a UTC day at which the window is open, merged where they touch or overlap.

    A zone's date is at most one day off the UTC date, on either side, and a window that is open on a date may have
    opened on the date before.
    """
    pending: tuple[int, int] | None = None
    for day in range(utc_day - 2, utc_day + 2):
        span = _span(time_zone, window, day)
        if span is None:
            continue
        if pending is None or pending[1] < span[0]:
            if pending is not None:
                yield pending
            pending = span
        else:
            pending = (pending[0], span[1])
    if pending is not None:
        yield pending


def _span(time_zone: str, window: Window, day: int) -> tuple[int, int] | None:
    """Return opening and closing of the window of one local date, None if it does not open that day."""
    if not window.opens_on(day):
        return None
    end = window.end if window.end > window.start else window.end + DAY_MINUTES
    opening = local_time_instant(time_zone, day, window.start)
    closing = local_time_instant(time_zone, day, end)
    return (opening * _SECOND, closing * _SECOND) if opening < closing else None
