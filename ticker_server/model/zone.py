"""Time zones: which names exist, and at which instant a zone's wall clock shows a time.

Names and rules are those of the IANA database as the `tzdata` package carries it, never those of the machine: so all
gateways of one version agree, and a `localtime` or a path that means something on one machine is not a zone.
"""

from __future__ import annotations

import bisect
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib import resources
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ticker_server.errors import shown

__all__ = ["DAY_MINUTES", "DAY_SECONDS", "is_time_zone", "local_time_instant"]

DAY_MINUTES = 24 * 60
DAY_SECONDS = DAY_MINUTES * 60

_SECOND = timedelta(seconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def is_time_zone(name: str) -> bool:
    """Tell whether a text is the exact name of an IANA time zone, such as `Europe/Berlin`; any text may be asked."""
    return name in _names()


def local_time_instant(time_zone: str, day: int, minute: int) -> int:
    """Return the instant, in seconds since the epoch, at which a zone's wall clock first shows a local time.

    A skipped local time becomes the end of the skip; of a repeated one it is the first. So a later local time never
    has an earlier instant.

    Args:
        time_zone: A name for which `is_time_zone` is true.
        day: The local date, in days since 1970-01-01.
        minute: The minute of that day; 1440 is the midnight at its end.

    Raises:
        ZoneInfoNotFoundError: The time zone does not exist.
    """
    local = datetime(1970, 1, 1, tzinfo=_zone(time_zone)) + timedelta(days=day, minutes=minute)
    local_seconds = day * DAY_SECONDS + minute * 60
    before, after = _offset(local), _offset(local.replace(fold=1))
    if after <= before:
        return local_seconds - before
    return _end_of_skip(local_seconds, before, after, _zone(time_zone))


def _end_of_skip(local_seconds: int, before: int, after: int, zone: ZoneInfo) -> int:
    # Read with the old offset a skipped time is not before the change, read with the new one it is.
    candidates = range(local_seconds - after, local_seconds - before + 1)
    return candidates[bisect.bisect_left(candidates, True, key=lambda at: _offset_at(at, zone) != before)]


def _offset_at(seconds: int, zone: ZoneInfo) -> int:
    return _offset((_EPOCH + timedelta(seconds=seconds)).astimezone(zone))


def _offset(moment: datetime) -> int:
    offset = moment.utcoffset()
    assert offset is not None
    return offset // _SECOND


@cache  # there are as many entries as there are time zones
def _zone(name: str) -> ZoneInfo:
    if not is_time_zone(name):
        raise ZoneInfoNotFoundError(f"time zone {shown(name)} is not in the IANA database of this server")
    with resources.files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as rules:
        return ZoneInfo.from_file(rules, key=name)


@cache
def _names() -> frozenset[str]:
    listed = resources.files("tzdata").joinpath("zones").read_text(encoding="ascii").split()
    return frozenset(listed) - {"Factory"}  # stands for "not set" and has no place
