"""Windows as people type them: `10:00-18:00`, `mon,tue`."""

from __future__ import annotations

import re

from ticker_client.models import Weekday, Window

__all__ = ["format_window", "parse_days", "parse_window"]

_WINDOW = re.compile(r"(\d\d:\d\d)-(\d\d:\d\d)", re.ASCII)
_DAYS = {day.name[:3].lower(): day for day in Weekday}


def parse_window(window: str | None, days: str | None) -> Window | None:
    """Return the window that `--window` and `--days` describe; None = neither was given.

    Days without hours are those of the default window. Whether the hours exist is left to the server.

    Raises:
        ValueError: a text has another form.
    """
    if window is None and days is None:
        return None
    weekdays = parse_days(days) if days is not None else ()
    if window is None:
        return Window(weekdays=weekdays)
    match = _WINDOW.fullmatch(window.strip())
    if match is None:
        raise ValueError(f'--window: "{window}" is no window; write HH:MM-HH:MM, such as 10:00-18:00')
    return Window(start=match[1], end=match[2], weekdays=weekdays)


def parse_days(text: str) -> tuple[int, ...]:
    """Return the ISO weekdays of a list such as `mon,tue`.

    Raises:
        ValueError: a word is no day.
    """
    words = [word.strip().lower() for word in text.split(",")]
    for word in words:
        if word not in _DAYS:
            raise ValueError(f'--days: "{word}" is no day; the days are {",".join(_DAYS)}')
    return tuple(sorted({int(_DAYS[word]) for word in words}))


def format_window(window: Window | None) -> str:
    """Return a window as it is typed, with its days behind; None is `always`."""
    if window is None:
        return "always"
    names = [Weekday(day).name[:3].lower() for day in window.weekdays]
    return f"{window.start}-{window.end}" + (f" {','.join(names)}" if names else "")
