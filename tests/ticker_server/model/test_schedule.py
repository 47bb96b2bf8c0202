"""Schedules: when windows open and close, in real zones with their clock changes."""

from __future__ import annotations

from bisect import bisect_left
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from importlib import resources
from itertools import accumulate, pairwise
from random import Random
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticker_server.model import schedule as schedule_module
from ticker_server.model.schedule import DEFAULT_WINDOW, Schedule, Window, parse_window

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MINUTE = 60_000_000_000
DAY = 24 * 60 * MINUTE
LATE = 4_000_000_000_000_000_000  # in the year 2096


def ns(text: str) -> int:
    """Return the instant of a UTC date and time."""
    moment = datetime.fromisoformat(text).replace(tzinfo=UTC)
    return (moment - EPOCH) // timedelta(microseconds=1) * 1_000


def utc(at: int | None) -> str | None:
    """Return the UTC date and time of an instant, to the minute."""
    return None if at is None else (EPOCH + timedelta(microseconds=at // 1_000)).strftime("%Y-%m-%d %H:%M")


def schedule(time_zone: str, hours: str, *weekdays: int) -> Schedule:
    """Return the schedule of a window as people write it."""
    start, end = hours.split("-")
    return Schedule(time_zone, parse_window(start, end, weekdays))


def spans(plan: Schedule, at: str, count: int) -> list[tuple[str | None, str | None]]:
    """Return the next openings and closings, asked one after the other."""
    found, now = [], ns(at)
    assert not plan.is_open(now)
    for _ in range(count):
        opening = plan.next_open(now)
        assert opening is not None
        closing = plan.next_change(opening)
        assert closing is not None
        assert plan.is_open(opening)
        assert not plan.is_open(closing)
        found.append((utc(opening), utc(closing)))
        now = closing
    return found


# --- tables --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("time_zone", "hours", "at", "opening", "closing"),
    [
        ("UTC", "10:00-18:00", "2025-01-15", "2025-01-15 10:00", "2025-01-15 18:00"),
        ("Asia/Kolkata", "10:00-18:00", "2025-01-15", "2025-01-15 04:30", "2025-01-15 12:30"),
        ("Europe/Berlin", "10:00-18:00", "2025-01-15", "2025-01-15 09:00", "2025-01-15 17:00"),
        ("Europe/Berlin", "10:00-18:00", "2025-07-15", "2025-07-15 08:00", "2025-07-15 16:00"),
        ("America/New_York", "18:30-24:00", "2025-01-15 12:00", "2025-01-15 23:30", "2025-01-16 05:00"),
        ("Europe/Berlin", "00:00-00:01", "2025-01-15", "2025-01-15 23:00", "2025-01-15 23:01"),
        ("UTC", "00:00-12:00", "2025-01-14 18:00", "2025-01-15 00:00", "2025-01-15 12:00"),
        # As far from UTC as zones go, and open nearly all day.
        ("Pacific/Pago_Pago", "15:00-14:00", "2025-01-15 01:30", "2025-01-15 02:00", "2025-01-16 01:00"),
        ("Pacific/Kiritimati", "15:00-14:00", "2025-01-15 00:30", "2025-01-15 01:00", "2025-01-16 00:00"),
        # Spring: the start, the end, or the whole window is skipped; or only the day is short.
        ("Europe/Berlin", "02:30-04:00", "2025-03-30", "2025-03-30 01:00", "2025-03-30 02:00"),
        ("Europe/Berlin", "01:30-02:30", "2025-03-30", "2025-03-30 00:30", "2025-03-30 01:00"),
        ("Europe/Berlin", "02:15-02:45", "2025-03-29 12:00", "2025-03-31 00:15", "2025-03-31 00:45"),
        ("Europe/Berlin", "02:00-03:00", "2025-03-29 12:00", "2025-03-31 00:00", "2025-03-31 01:00"),
        ("Europe/Berlin", "22:00-06:00", "2025-03-29 12:00", "2025-03-29 21:00", "2025-03-30 04:00"),
        ("America/New_York", "02:30-03:30", "2025-03-09", "2025-03-09 07:00", "2025-03-09 07:30"),
        ("Australia/Lord_Howe", "02:15-03:00", "2025-10-04 12:00", "2025-10-04 15:30", "2025-10-04 16:00"),
        ("Australia/Lord_Howe", "02:00-02:30", "2025-10-04 12:00", "2025-10-05 15:00", "2025-10-05 15:30"),
        ("Africa/Casablanca", "02:30-03:30", "2025-04-05 12:00", "2025-04-06 02:00", "2025-04-06 02:30"),
        # Autumn: the first of the repeated times opens and closes.
        ("Europe/Berlin", "02:30-04:00", "2025-10-26", "2025-10-26 00:30", "2025-10-26 03:00"),
        ("Europe/Berlin", "01:00-02:30", "2025-10-25 12:00", "2025-10-25 23:00", "2025-10-26 00:30"),
        ("Europe/Berlin", "22:00-06:00", "2025-10-25 12:00", "2025-10-25 20:00", "2025-10-26 05:00"),
        ("America/New_York", "01:30-01:45", "2025-11-02", "2025-11-02 05:30", "2025-11-02 05:45"),
        ("America/New_York", "01:30-01:45", "2025-11-02 05:45", "2025-11-03 06:30", "2025-11-03 06:45"),
        ("Australia/Lord_Howe", "01:45-03:00", "2025-04-05 12:00", "2025-04-05 14:45", "2025-04-05 16:30"),
        ("Africa/Casablanca", "02:30-03:30", "2025-02-22 12:00", "2025-02-23 01:30", "2025-02-23 03:30"),
        # Ramadan in Casablanca is an hour behind the rest of the year.
        ("Africa/Casablanca", "10:00-18:00", "2025-02-22", "2025-02-22 09:00", "2025-02-22 17:00"),
        ("Africa/Casablanca", "10:00-18:00", "2025-03-15", "2025-03-15 10:00", "2025-03-15 18:00"),
        ("Africa/Casablanca", "10:00-18:00", "2025-04-06", "2025-04-06 09:00", "2025-04-06 17:00"),
        # A skip that starts at midnight, and a Friday that Samoa left out.
        ("Africa/Cairo", "00:00-02:00", "2024-04-25 12:00", "2024-04-25 22:00", "2024-04-25 23:00"),
        ("Pacific/Apia", "10:00-18:00", "2011-12-30 06:00", "2011-12-30 20:00", "2011-12-31 04:00"),
        # The clock goes back over midnight: the new day's window has begun when it is once more the old day.
        ("Antarctica/Casey", "00:30-01:00", "2010-03-04 12:00", "2010-03-04 13:30", "2010-03-04 14:00"),
        ("America/St_Johns", "00:00-01:00", "2010-11-07", "2010-11-07 02:30", "2010-11-07 04:30"),
    ],
)
def test_window_opens_and_closes_by_the_local_clock(
    time_zone: str, hours: str, at: str, opening: str, closing: str
) -> None:
    """A window opens and closes when the local clock first shows its start and end, on days of clock changes too."""
    assert spans(schedule(time_zone, hours), at, 1) == [(opening, closing)]


def test_weekdays_are_those_of_the_zone() -> None:
    """A window of Monday to Friday stays closed from Friday evening to Monday morning, over a clock change too."""
    assert spans(schedule("America/New_York", "09:30-16:00", 1, 2, 3, 4, 5), "2025-03-07 12:00", 2) == [
        ("2025-03-07 14:30", "2025-03-07 21:00"),
        ("2025-03-10 13:30", "2025-03-10 20:00"),
    ]


def test_weekday_is_that_of_the_start() -> None:
    """A window of Friday nights runs into Saturday and opens next a week later."""
    assert spans(schedule("Europe/Berlin", "22:00-06:00", 5), "2025-01-15", 2) == [
        ("2025-01-17 21:00", "2025-01-18 05:00"),
        ("2025-01-24 21:00", "2025-01-25 05:00"),
    ]


def test_weekday_is_not_that_of_utc() -> None:
    """A Monday morning east of Greenwich opens on the Sunday of UTC."""
    assert spans(schedule("Australia/Lord_Howe", "06:00-08:00", 1), "2025-07-01", 1) == [
        ("2025-07-06 19:30", "2025-07-06 21:30")
    ]


def test_weekly_window_inside_a_skip_waits_for_the_next_week() -> None:
    """A window of Sundays that a clock change swallows opens a week later."""
    assert spans(schedule("Europe/Berlin", "02:00-03:00", 7), "2025-03-23 12:00", 1) == [
        ("2025-04-06 00:00", "2025-04-06 01:00")
    ]


def test_touching_days_are_one_opening() -> None:
    """Whole days in a row are one opening: nothing changes at the midnights between."""
    assert spans(schedule("UTC", "00:00-24:00", 1, 2, 3, 4, 5), "2025-01-12 12:00", 2) == [
        ("2025-01-13 00:00", "2025-01-18 00:00"),
        ("2025-01-20 00:00", "2025-01-25 00:00"),
    ]


def test_pause_inside_a_skip_is_no_pause() -> None:
    """A window whose nightly pause is skipped by the clock stays open through it."""
    plan = schedule("Europe/Berlin", "03:00-02:00")
    assert utc(plan.next_change(ns("2025-03-29 12:00"))) == "2025-03-31 00:00"
    assert plan.is_open(ns("2025-03-30 01:00"))


@pytest.mark.parametrize(
    "always",
    [
        Schedule("Europe/Berlin", None),
        schedule("Europe/Berlin", "00:00-24:00"),
        schedule("Europe/Berlin", "00:00-24:00", 1, 2, 3, 4, 5, 6, 7),
    ],
)
@pytest.mark.parametrize("at", ["2025-01-15 00:00", "2025-03-30 01:00", "2025-10-26 00:30"])
def test_open_always_never_changes(always: Schedule, at: str) -> None:
    """A schedule without a window, or with all of every day, is open and has neither a change nor an opening."""
    assert always.is_open(ns(at))
    assert always.next_change(ns(at)) is None
    assert always.next_open(ns(at)) is None


def test_window_is_half_open_to_the_nanosecond() -> None:
    """A window is open from its first nanosecond to the last one before its end."""
    plan = Schedule("Europe/Berlin", DEFAULT_WINDOW)
    opening, closing = ns("2025-01-15 09:00"), ns("2025-01-15 17:00")
    asked = [opening - 1, opening, closing - 1, closing]
    assert [plan.is_open(at) for at in asked] == [False, True, True, False]
    assert [plan.next_open(at) for at in asked] == [opening, None, None, opening + DAY]
    assert [plan.next_change(at) for at in asked] == [opening, closing, closing, opening + DAY]


# --- parsing -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "end", "weekdays", "window"),
    [
        ("10:00", "18:00", (), DEFAULT_WINDOW),
        ("00:00", "24:00", (), Window(0, 1440, ())),
        ("22:00", "06:00", (), Window(1320, 360, ())),
        ("22:00", "00:00", (), Window(1320, 1440, ())),
        ("09:30", "16:00", (5, 1, 5, 3), Window(570, 960, (1, 3, 5))),
    ],
)
def test_window_is_parsed(start: str, end: str, weekdays: tuple[int, ...], window: Window) -> None:
    """Texts become minutes of the day; weekdays are sorted and count once; 00:00 as an end is 24:00."""
    assert parse_window(start, end, weekdays) == window


@pytest.mark.parametrize(
    ("start", "end", "weekdays", "message"),
    [
        ("25:00", "18:00", (), 'window start "25:00" is not a time HH:MM between 00:00 and 23:59'),
        ("24:00", "18:00", (), 'window start "24:00" is not a time HH:MM between 00:00 and 23:59'),
        ("", "18:00", (), 'window start "" is not a time HH:MM between 00:00 and 23:59'),
        ("9:30", "18:00", (), 'window start "9:30" is not a time HH:MM between 00:00 and 23:59'),
        ("09:60", "18:00", (), 'window start "09:60" is not a time HH:MM between 00:00 and 23:59'),
        ("09:30\n", "18:00", (), 'window start "09:30\\n" is not a time HH:MM between 00:00 and 23:59'),
        ("٠٩:٣٠", "18:00", (), r'window start "\u0660\u0669:\u0663\u0660" is not a time HH:MM between 00:00 and 23:59'),
        ("10:00", "24:01", (), 'window end "24:01" is not a time HH:MM between 00:00 and 24:00'),
        ("10:00", "6pm", (), 'window end "6pm" is not a time HH:MM between 00:00 and 24:00'),
        ("10:00", "9" * 99, (), f'window end "{"9" * 64}..." is not a time HH:MM between 00:00 and 24:00'),
        (
            "10:00",
            "10:00",
            (),
            (
                "window start and end are both 10:00, but must differ; a whole day is 00:00 to 24:00, "
                "and a schedule of always has no window"
            ),
        ),
        ("10:00", "18:00", (1, 0), "window weekday 0 is not a number from 1 (Monday) to 7 (Sunday)"),
        ("10:00", "18:00", (8,), "window weekday 8 is not a number from 1 (Monday) to 7 (Sunday)"),
    ],
)
def test_bad_window_is_refused_by_name(start: str, end: str, weekdays: tuple[int, ...], message: str) -> None:
    """A text or weekday that breaks a rule is refused with a message that names both and reads alone."""
    with pytest.raises(ValueError, match="window") as refusal:
        parse_window(start, end, weekdays)
    assert str(refusal.value) == message


@given(st.integers(0, 1439), st.integers(1, 1440), st.sets(st.integers(1, 7)))
def test_window_survives_its_texts(start: int, end: int, weekdays: set[int]) -> None:
    """A window that is written as texts and parsed again is the same, unless start and end are equal."""
    window = Window(start, end, tuple(sorted(weekdays)))
    if start == end:
        with pytest.raises(ValueError, match="must differ"):
            parse_window(window.start_text, window.end_text, window.weekdays)
    else:
        assert parse_window(window.start_text, window.end_text, window.weekdays) == window


@given(st.text(), st.text())
def test_any_text_is_parsed_or_refused(start: str, end: str) -> None:
    """Whatever the texts, a window comes back or a refusal that is short and printable."""
    try:
        window = parse_window(start, end, ())
    except ValueError as refusal:
        message = str(refusal)
    else:
        message = window.start_text
    assert message.isprintable()
    assert len(message) < 800


# --- properties, against an oracle that looks at the clock each minute --------------------------------------------

# Each with dates near clock changes of all kinds.
PLACES = {
    "Europe/Berlin": ("2025-03-30", "2025-10-26"),
    "America/New_York": ("2025-03-09", "2025-11-02"),
    "Australia/Lord_Howe": ("2025-04-06", "2025-10-05"),
    "Africa/Casablanca": ("2025-02-23", "2025-04-06"),
    "Asia/Kolkata": ("2025-01-01", "2024-02-29"),
    "Africa/Cairo": ("2024-04-26", "2024-11-01"),
    "America/Havana": ("2025-03-09", "2025-11-02"),
    "America/St_Johns": ("2010-03-14", "2010-11-07"),
    "Pacific/Apia": ("2011-12-30", "2011-09-24"),
    "Pacific/Kiritimati": ("1994-12-31", "2025-01-01"),
    "Pacific/Pago_Pago": ("2025-01-01", "2024-02-29"),
    "Antarctica/Casey": ("2010-03-05", "2009-10-18"),
}
WATCHED_DAYS = 5


@lru_cache(maxsize=64)
def furthest_clock(time_zone: str, day: int) -> list[int]:
    """Return for each minute of some days the furthest time, in local minutes, that the zone's clock has shown."""
    with resources.files("tzdata").joinpath("zoneinfo", *time_zone.split("/")).open("rb") as rules:
        zone = ZoneInfo.from_file(rules)
    begin = EPOCH + timedelta(days=day)
    shown = []
    for minute in range(WATCHED_DAYS * 1440):
        local = (begin + timedelta(minutes=minute)).astimezone(zone)
        shown.append((local.date() - EPOCH.date()).days * 1440 + local.hour * 60 + local.minute)
    return list(accumulate(shown, max))


def oracle(time_zone: str, window: Window, day: int) -> list[bool]:
    """Return for each minute of some UTC days whether the window is open; only the days within are to be trusted."""
    clock = furthest_clock(time_zone, day)
    is_open = [False] * len(clock)
    for local_day in range(day - 2, day + WATCHED_DAYS + 2):
        weekday = (EPOCH.date() + timedelta(days=local_day)).isoweekday()
        if window.weekdays and weekday not in window.weekdays:
            continue
        length = (window.end - window.start) % 1440 or 1440
        opening = local_day * 1440 + window.start
        for minute in range(bisect_left(clock, opening), bisect_left(clock, opening + length)):
            is_open[minute] = True
    return is_open


def windows() -> st.SearchStrategy[Window]:
    """Draw valid windows, half of them near the hours in which clocks change."""
    start = st.integers(0, 1439) | st.integers(0, 12).map(lambda quarter: quarter * 15)
    end = st.integers(1, 1440) | st.integers(1, 12).map(lambda quarter: quarter * 15)
    weekdays = st.just(()) | st.sets(st.integers(1, 7)).map(lambda days: tuple(sorted(days)))
    return st.builds(Window, start, end, weekdays).filter(lambda window: window.start != window.end)


@st.composite
def places(draw: st.DrawFn) -> tuple[str, int]:
    """Draw a zone, and a day a little before its clock changes, in days since the epoch."""
    time_zone = draw(st.sampled_from(sorted(PLACES)))
    change = (date.fromisoformat(draw(st.sampled_from(PLACES[time_zone]))) - EPOCH.date()).days
    return time_zone, change - draw(st.integers(1, 3))


@given(places(), windows())
def test_schedule_agrees_with_looking_each_minute(place: tuple[str, int], window: Window) -> None:
    """Minute by minute around clock changes, a window is open just when someone who watches the clock says so."""
    time_zone, day = place
    plan = Schedule(time_zone, window)
    expected = oracle(time_zone, window, day)
    # The first day may be open from before, unseen by the oracle.
    watched = range(2 * 1440, (WATCHED_DAYS - 1) * 1440)
    opened = {minute: plan.is_open(day * DAY + minute * MINUTE) for minute in watched}
    assert opened == {minute: expected[minute] for minute in watched}

    flips = [minute for before, minute in pairwise(watched) if expected[before] != expected[minute]]
    found, at = [], plan.next_change(day * DAY + watched.start * MINUTE)
    while at is not None and at < day * DAY + watched.stop * MINUTE:
        found.append(at)
        at = plan.next_change(at)
    assert found == [day * DAY + minute * MINUTE for minute in flips]


@given(places(), windows(), st.integers(0, 8 * DAY))
def test_schedule_flips_at_each_change_and_only_there(place: tuple[str, int], window: Window, later: int) -> None:
    """What is open now stays so up to the last nanosecond before the next change, and not at it."""
    plan, at = Schedule(place[0], window), place[1] * DAY + later
    now, change = plan.is_open(at), plan.next_change(at)
    if change is None:
        assert now
        return
    assert change > at
    assert plan.is_open(change - 1) == now != plan.is_open(change)
    assert plan.is_open((at + change) // 2) == now
    assert plan.next_change(change - 1) == change
    assert plan.next_open(at) == (None if now else change)


@given(st.integers(0, LATE), windows(), st.sampled_from(sorted(PLACES)))
def test_every_window_closes_and_opens_again(at: int, window: Window, time_zone: str) -> None:
    """From any instant there is a next change within three weeks, unless the window is all of every day."""
    plan = Schedule(time_zone, window)
    change = plan.next_change(at)
    assert (change is None) == window.never_closes
    assert change is None or change - at < 21 * DAY


@given(places(), windows(), st.lists(st.integers(0, 30 * DAY), min_size=2, max_size=8), st.randoms())
def test_answers_do_not_depend_on_what_was_asked_before(
    place: tuple[str, int], window: Window, offsets: list[int], random: Random
) -> None:
    """The same questions get the same answers in another order and from an empty cache."""
    plan = Schedule(place[0], window)
    asked = [place[1] * DAY + offset for offset in offsets]
    first = {at: (plan.is_open(at), plan.next_change(at), plan.next_open(at)) for at in asked}
    schedule_module._plan.cache_clear()
    random.shuffle(asked)
    assert {at: (plan.is_open(at), plan.next_change(at), plan.next_open(at)) for at in asked} == first
