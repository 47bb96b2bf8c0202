"""The marks of a time axis on which bars stand side by side: closed hours take no room, so neither do their marks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise

from ticker_client.bars import Bar, BarInterval

__all__ = ["TimeMark", "time_marks"]

_Bucket = Callable[[datetime], int]
_Label = Callable[[datetime], str]


@dataclass(frozen=True, slots=True)
class TimeMark:
    """A bar with which something begins: an hour, a day, a month, a year."""

    place: int
    """Which bar, counted from 0."""
    text: str
    """Such as `10:30`, `Mar 14`, `Mar` or `2013`."""
    above: str
    """The greater unit, such as the date or the year, where it begins as well; empty elsewhere."""


@dataclass(frozen=True, slots=True)
class _Step:
    """How far apart the marks of an axis are, and how they read."""

    bucket: _Bucket
    """Tells apart what is between two marks."""
    text: _Label
    above: _Label


def time_marks(bars: Sequence[Bar], most: int) -> list[TimeMark]:
    """Return at most so many marks for bars, by their local times; none is too close to another."""
    starts = [bar.start_time for bar in bars]
    steps = _DAYS if bars[0].interval is BarInterval.ONE_DAY else (*_HOURS, *_DAYS)
    found = ((step, places) for step in steps if len(places := _begun(starts, step)) <= most)
    step, places = next(found, (steps[-1], [0]))
    return _apart(_read(starts, places, step), len(starts) / (1.6 * most))


def _begun(starts: Sequence[datetime], step: _Step) -> list[int]:
    """Return the places at which something new begins; the first bar is one of them."""
    buckets = [None, *map(step.bucket, starts)]
    return [place for place, (old, new) in enumerate(pairwise(buckets)) if old != new]


def _read(starts: Sequence[datetime], places: Sequence[int], step: _Step) -> Iterator[TimeMark]:
    before = ""
    for place in places:
        above = step.above(starts[place])
        yield TimeMark(place, step.text(starts[place]), "" if above == before else above)
        before = above


def _apart(marks: Iterator[TimeMark], room: float) -> list[TimeMark]:
    """Leave out marks that stand too close to another.

    One that begins something greater stays in place of one that does not. So does any in place of the first bar's,
    which may begin in the middle of something.
    """
    kept: list[TimeMark] = []
    for mark in marks:
        last = kept[-1] if kept else None
        if last is not None and mark.place - last.place < room:
            if last.place and (last.above or not mark.above):
                continue
            kept[-1] = replace(mark, above=mark.above or last.above)
        else:
            kept.append(mark)
    return kept


def _minutes(count: int) -> _Bucket:
    return lambda start: start.toordinal() * 1440 + (start.hour * 60 + start.minute) // count


def _days(count: int) -> _Bucket:
    return lambda start: (start.toordinal() - 1) // count  # day 1 is a Monday


def _months(count: int) -> _Bucket:
    return lambda start: (start.year * 12 + start.month - 1) // count


def _clock(start: datetime) -> str:
    return f"{start:%H:%M}"


def _date(start: datetime) -> str:
    return f"{start:%a} {_day(start)}"


def _day(start: datetime) -> str:
    return f"{start:%b} {start.day}"


def _month(start: datetime) -> str:
    return f"{start:%b}"


def _year(start: datetime) -> str:
    return f"{start.year}"


def _nothing(_: datetime) -> str:
    return ""


_HOURS = tuple(_Step(_minutes(count), _clock, _date) for count in (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720))
_DAYS = (
    *(_Step(_days(count), _day, _year) for count in (1, 7)),
    *(_Step(_months(count), _month, _year) for count in (1, 2, 3, 6)),
    *(_Step(_months(count), _year, _nothing) for count in (12, 24, 60, 120, 240)),
)
"""From the finest to the coarsest."""
