"""Instants as the commands write them: RFC 3339 for programs, the local clock for people."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo

from ticker_client.instants import nanoseconds_of

__all__ = ["age_text", "clock_text", "opening_text", "rfc3339", "zoned_rfc3339"]

_EPOCH_START = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = 1_000_000_000


def rfc3339(instant: int | datetime) -> str:
    """Return an instant as RFC 3339 in UTC, with 0, 3, 6 or 9 digits of a second as needed.

    An integer is nanoseconds since the epoch.
    """
    nanoseconds = instant if isinstance(instant, int) else nanoseconds_of(instant)
    seconds, rest = divmod(nanoseconds, _SECOND)
    digits = f"{rest:09d}"
    while digits.endswith("000"):
        digits = digits[:-3]
    fraction = f".{digits}" if digits else ""
    return f"{_moment(seconds).replace(tzinfo=None).isoformat()}{fraction}Z"


def zoned_rfc3339(moment: datetime) -> str:
    """Return a moment as RFC 3339 on the clock of its own zone, with its offset from UTC; `Z` where that is none."""
    text = moment.isoformat()
    return f"{text.removesuffix('+00:00')}Z" if text.endswith("+00:00") else text


def clock_text(instant: int, now: int, zone: tzinfo | None) -> str:
    """Return the time of day of an instant if it is today, else its date; `zone` None is this machine's own."""
    local = _local(instant, zone)
    return f"{local:%H:%M:%S}" if local.date() == _local(now, zone).date() else local.date().isoformat()


def opening_text(opening: int, now: int, zone: tzinfo | None) -> str:
    """Return when something opens as briefly as it is clear: `opens 10:00`, `Mon 10:00`, or a date."""
    local, today = _local(opening, zone), _local(now, zone).date()
    if local.date() == today:
        return f"opens {local:%H:%M}"
    return f"{local:%a %H:%M}" if local.date() - today < timedelta(days=7) else local.date().isoformat()


def age_text(nanoseconds: int) -> str:
    """Return how long ago something was, in its largest unit: `0s`, `59s`, `3m`, `2h`, `400d`."""
    seconds = max(0, nanoseconds) // _SECOND
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def _moment(seconds: int) -> datetime:
    return _EPOCH_START + timedelta(seconds=seconds)


def _local(instant: int, zone: tzinfo | None) -> datetime:
    moment = _moment(instant // _SECOND)
    try:
        return moment.astimezone(zone)
    except (OverflowError, ValueError, OSError):  # the first or the last day that a datetime can tell
        return moment
