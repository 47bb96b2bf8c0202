"""How often and in which hours: the cells of a row in the words of the model, with the defaults of `ticker add`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from ticker_server.catalog.bulk.bad_row import RuleBreach
from ticker_server.errors import shown
from ticker_server.model.schedule import DEFAULT_WINDOW, Schedule, Window, is_time_zone, parse_window
from ticker_server.model.subscription import DEFAULT_FREQUENCY, EVERY_TICK, MAX_FREQUENCY, MIN_FREQUENCY

__all__ = ["TERM_FIELDS", "TermCells", "Terms", "parse_terms"]

_DEFAULT_TIME_ZONE = "UTC"

_DURATION = re.compile(r"(\d{1,15}(?:\.\d{1,9})?)(us|ms|s|m|h|d)", re.ASCII)
_UNITS = {
    "us": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
    "d": 86_400_000_000_000,
}
_WINDOW = re.compile(r"(\d\d:\d\d)-(\d\d:\d\d)", re.ASCII)
_BETWEEN_DAYS = re.compile(r"[\s,|]+")
_DAYS = {"mon": 1, "tue": 2, "wed": 3, "thu": 4, "fri": 5, "sat": 6, "sun": 7}
_TRUTHS = {"": False, "false": False, "no": False, "0": False, "true": True, "yes": True, "1": True}

_TERMS_KEPT = 16_384


class TermCells(NamedTuple):
    """The texts of one row; an empty one means the default."""

    time_zone: str = ""
    frequency: str = ""
    every_tick: str = ""
    window: str = ""
    days: str = ""
    always: str = ""


TERM_FIELDS = TermCells._fields


@dataclass(frozen=True, slots=True)
class Terms:
    """How often and in which hours. `cadence` is a frequency in nanoseconds, or EVERY_TICK."""

    cadence: int
    schedule: Schedule


@lru_cache(maxsize=_TERMS_KEPT)
def parse_terms(cells: TermCells) -> Terms:
    """Return what the cells of a row say; equal cells give one shared object, as millions of rows have few of them.

    Raises:
        RuleBreach: A cell breaks a rule, or two exclude each other.
    """
    time_zone = cells.time_zone or _DEFAULT_TIME_ZONE
    if not is_time_zone(time_zone):
        raise RuleBreach(
            "INVALID_TIME_ZONE", f"time_zone {shown(time_zone)} is not an IANA time zone, such as Europe/Berlin"
        )
    return Terms(_cadence(cells), Schedule(time_zone, _window(cells)))


def _cadence(cells: TermCells) -> int:
    every_tick = _truth("every_tick", cells.every_tick, "INVALID_CADENCE")
    if every_tick and cells.frequency:
        raise RuleBreach("INVALID_CADENCE", "frequency and every_tick exclude each other")
    if every_tick:
        return EVERY_TICK
    return _frequency(cells.frequency) if cells.frequency else DEFAULT_FREQUENCY


def _frequency(text: str) -> int:
    match = _DURATION.fullmatch(text)
    if match is None:
        raise RuleBreach("INVALID_FREQUENCY", f"frequency {shown(text)}: write a number and a unit, such as 500ms, 5s")
    nanoseconds = Decimal(match[1]) * _UNITS[match[2]]
    if not MIN_FREQUENCY <= nanoseconds <= MAX_FREQUENCY:
        raise RuleBreach("INVALID_FREQUENCY", f"frequency {shown(text)}: a frequency is 100 ms to 24 h")
    if nanoseconds % 1000:
        raise RuleBreach("INVALID_FREQUENCY", f"frequency {shown(text)} is finer than a microsecond")
    return int(nanoseconds)


def _window(cells: TermCells) -> Window | None:
    always = _truth("always", cells.always, "INVALID_WINDOW")
    if always and (cells.window or cells.days):
        raise RuleBreach("INVALID_WINDOW", "always excludes window and days")
    if always:
        return None
    weekdays = _weekdays(cells.days)
    start, end = DEFAULT_WINDOW.start_text, DEFAULT_WINDOW.end_text
    if cells.window:
        match = _WINDOW.fullmatch(cells.window)
        if match is None:
            raise RuleBreach("INVALID_WINDOW", f"window {shown(cells.window)}: write HH:MM-HH:MM, such as 10:00-18:00")
        start, end = match[1], match[2]
    try:
        return parse_window(start, end, weekdays)
    except ValueError as error:
        raise RuleBreach("INVALID_WINDOW", str(error)) from None


def _weekdays(text: str) -> list[int]:
    """Return the ISO weekdays of a list whose days are parted by commas, spaces or bars; those of "" are none."""
    if not text:
        return []
    words = _BETWEEN_DAYS.split(text.lower())
    for word in words:
        if word not in _DAYS:
            raise RuleBreach("INVALID_WINDOW", f"days {shown(text)}: {shown(word)} is no day of {' '.join(_DAYS)}")
    return [_DAYS[word] for word in words]


def _truth(field: str, text: str, reason: str) -> bool:
    truth = _TRUTHS.get(text.lower())
    if truth is None:
        raise RuleBreach(reason, f"{field} {shown(text)}: write true or false, yes or no, 1 or 0, or nothing")
    return truth
