"""Time zones: names, and the instants of local times."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfoNotFoundError, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticker_server.model.zone import is_time_zone, local_time_instant

EPOCH_DATE = date(1970, 1, 1)


def instant(time_zone: str, local: str) -> str:
    """Return the instant of a local date and time, both as texts."""
    day, time = local.split()
    hour, minute = (int(part) for part in time.split(":"))
    seconds = local_time_instant(time_zone, (date.fromisoformat(day) - EPOCH_DATE).days, hour * 60 + minute)
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")


@pytest.mark.parametrize(
    "name",
    ["UTC", "Etc/UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Australia/Lord_Howe", "EST5EDT", "GMT"],
)
def test_iana_name_is_a_time_zone(name: str) -> None:
    """A name of the IANA database is a time zone, links and old names included."""
    assert is_time_zone(name)


@pytest.mark.parametrize(
    "name",
    [
        *("", " ", ".", "..", "/", "Mars/Olympus", "europe/berlin", "EUROPE/BERLIN", "utc", " UTC", "UTC ", "UTC\n"),
        *("localtime", "posixrules", "Factory", "posix/UTC", "right/UTC", "Europe", "Europe/", "/Europe/Berlin"),
        *("../etc/passwd", "../zoneinfo/UTC", "Europe/../UTC", "./UTC", "/etc/localtime", "/usr/share/zoneinfo/UTC"),
        *("tzdata.zi", "zone.tab", "zones", "__init__.py", "Europe/__init__.py", "+01:00", "UTC+1", "CET-1CEST"),
        *("UTC\0", "\0", "Europe/Berlin\0x", "\ud800", "Z" * 100_000, "a/" * 5_000, "CON", "Europe\\Berlin"),
    ],
)
def test_anything_else_is_no_time_zone(name: str) -> None:
    """A text that is not exactly an IANA name is no time zone, and asking about it raises nothing."""
    assert not is_time_zone(name)


@given(st.text(st.characters()))
def test_any_text_may_be_asked(name: str) -> None:
    """Whatever the text, the answer is yes or no."""
    assert is_time_zone(name) in {True, False}


def test_every_time_zone_has_rules() -> None:
    """Every name that is a time zone has rules that tell the instant of a local time."""
    names = [name for name in available_timezones() if is_time_zone(name)]
    assert len(names) > 400
    assert all(abs(local_time_instant(name, 20_000, 0) - 20_000 * 86_400) <= 15 * 3_600 for name in names)


def test_unknown_zone_has_no_instants() -> None:
    """The instant of a local time is refused, with the zone's name, when the zone does not exist."""
    with pytest.raises(ZoneInfoNotFoundError, match="Mars/Olympus"):
        local_time_instant("Mars/Olympus", 0, 0)


@pytest.mark.parametrize(
    ("time_zone", "local", "utc"),
    [
        ("UTC", "2025-06-01 12:34", "2025-06-01 12:34"),
        ("UTC", "1969-12-31 23:59", "1969-12-31 23:59"),
        ("Asia/Kolkata", "2025-06-01 00:00", "2025-05-31 18:30"),
        ("Europe/Berlin", "2025-06-01 24:00", "2025-06-01 22:00"),
        # Spring: 02:00-03:00 is skipped, whatever the minute.
        ("Europe/Berlin", "2025-03-30 01:59", "2025-03-30 00:59"),
        ("Europe/Berlin", "2025-03-30 02:00", "2025-03-30 01:00"),
        ("Europe/Berlin", "2025-03-30 02:30", "2025-03-30 01:00"),
        ("Europe/Berlin", "2025-03-30 02:59", "2025-03-30 01:00"),
        ("Europe/Berlin", "2025-03-30 03:00", "2025-03-30 01:00"),
        ("Europe/Berlin", "2025-03-30 03:01", "2025-03-30 01:01"),
        # Autumn: 02:00-03:00 is repeated, the first counts.
        ("Europe/Berlin", "2025-10-26 02:00", "2025-10-26 00:00"),
        ("Europe/Berlin", "2025-10-26 02:59", "2025-10-26 00:59"),
        ("Europe/Berlin", "2025-10-26 03:00", "2025-10-26 02:00"),
        # Half an hour only.
        ("Australia/Lord_Howe", "2025-10-05 02:15", "2025-10-04 15:30"),
        ("Australia/Lord_Howe", "2025-10-05 02:30", "2025-10-04 15:30"),
        ("Australia/Lord_Howe", "2025-04-06 01:45", "2025-04-05 14:45"),
        # The clock goes back at the beginning of Ramadan and on at its end.
        ("Africa/Casablanca", "2025-02-23 02:30", "2025-02-23 01:30"),
        ("Africa/Casablanca", "2025-04-06 02:30", "2025-04-06 02:00"),
        # Skips at midnight, of a whole day, and a clock that went back over midnight.
        ("Africa/Cairo", "2024-04-26 00:30", "2024-04-25 22:00"),
        ("Pacific/Apia", "2011-12-30 00:00", "2011-12-30 10:00"),
        ("Pacific/Apia", "2011-12-30 23:59", "2011-12-30 10:00"),
        ("America/St_Johns", "2010-11-06 23:30", "2010-11-07 02:00"),
        ("America/St_Johns", "2010-11-07 00:00", "2010-11-07 02:30"),
    ],
)
def test_local_time_has_one_instant(time_zone: str, local: str, utc: str) -> None:
    """A local time has one instant: the end of the skip when it is skipped, the first when it is repeated."""
    assert instant(time_zone, local) == utc
