"""Durations as people type them: `500ms`, `5s`, `1h`."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal

__all__ = ["format_duration", "parse_duration"]

_DURATION = re.compile(r"(-?\d+(?:\.\d+)?)(us|ms|s|m|h|d)", re.ASCII)

_MICROSECONDS = {"d": 86_400_000_000, "h": 3_600_000_000, "m": 60_000_000, "s": 1_000_000, "ms": 1_000, "us": 1}


def parse_duration(text: str) -> timedelta:
    """Return the duration that a text names: a number and one of the units us, ms, s, m, h, d.

    The sign and the size are left to whom the duration is for.

    Raises:
        ValueError: the text is no duration, is finer than a microsecond, or longer than 2.7 million years.
    """
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise ValueError(f'"{text}" is no duration; write a number and a unit, such as 500ms, 5s, 10m, 1h')
    microseconds = Decimal(match[1]) * _MICROSECONDS[match[2]]
    if microseconds % 1:
        raise ValueError(f'"{text}" is finer than a microsecond')
    try:
        return timedelta(microseconds=int(microseconds))
    except OverflowError:
        raise ValueError(f'"{text}" is too long a duration') from None


def format_duration(duration: timedelta) -> str:
    """Return a duration in the largest unit that needs no fraction: `1h`, `90s`, `500ms`; else in seconds."""
    microseconds = duration // timedelta(microseconds=1)
    if microseconds == 0:
        return "0s"
    for unit, size in _MICROSECONDS.items():
        if unit != "us" and microseconds % size == 0:
            return f"{microseconds // size}{unit}"
    return f"{Decimal(microseconds) / _MICROSECONDS['s']:f}s"
