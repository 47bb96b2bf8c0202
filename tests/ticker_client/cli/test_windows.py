"""Windows as people type them."""

from __future__ import annotations

import pytest

from ticker_client.cli.windows import format_window, parse_days, parse_window
from ticker_client.models import Window


@pytest.mark.parametrize(
    ("window", "days", "expected"),
    [
        (None, None, None),
        ("09:30-16:00", None, Window("09:30", "16:00")),
        ("22:00-24:00", "fri,Mon", Window("22:00", "24:00", (1, 5))),
        (None, "sat", Window("10:00", "18:00", (6,))),
    ],
)
def test_hours_and_days_make_a_window(window: str | None, days: str | None, expected: Window | None) -> None:
    """A window has the hours and days that were typed; days alone have the default hours."""
    assert parse_window(window, days) == expected


@pytest.mark.parametrize("window", ["10-18", "10:00", "10:00-18:00-20:00", "", "10:00 bis 18:00"])
def test_another_form_is_refused(window: str) -> None:
    """What is no window is refused with an example."""
    with pytest.raises(ValueError, match="such as 10:00-18:00"):
        parse_window(window, None)


def test_a_word_that_is_no_day_is_named() -> None:
    """Days are known by three letters, and each counts once."""
    assert parse_days("tue, mon,tue") == (1, 2)
    with pytest.raises(ValueError, match='"monday" is no day; the days are mon,tue,wed,thu,fri,sat,sun'):
        parse_days("monday")


def test_a_window_is_written_as_it_is_typed() -> None:
    """Hours and days are written as they are typed, and no window is always."""
    assert format_window(Window("22:00", "06:00", (1, 5))) == "22:00-06:00 mon,fri"
    assert format_window(Window()) == "10:00-18:00"
    assert format_window(None) == "always"
