"""The words of a chart."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tests.ticker_client.sample_bars import apple_days, bar, walking_day
from ticker_client import BarInterval
from ticker_client.cli.caption import Caption

DAYS = Caption("AAPL", "Apple Inc.", "USD", BarInterval.ONE_DAY, "UTC")
MINUTES = Caption("AAPL", "AAPL", "USD", BarInterval.FIVE_MINUTES, "America/New_York")


def test_a_name_is_told_once() -> None:
    """A stock whose name is its id has one headline, not two."""
    assert DAYS.headline() == "AAPL  Apple Inc."
    assert MINUTES.headline() == "AAPL"


def test_the_subtitle_tells_interval_span_zone_and_currency() -> None:
    """Days are told as dates, minutes as times of the zone; nothing is said twice."""
    day = walking_day()
    later = [*day, bar(day[0].start_time + timedelta(days=3), [1, 1, 1, 1])]

    assert DAYS.subtitle(apple_days()[-252:]) == "1-day bars · 2012-02-29 to 2013-03-01 · UTC · USD"
    assert DAYS.subtitle(apple_days()[-1:]) == "1-day bars · 2013-03-01 · UTC · USD"
    assert MINUTES.subtitle(day) == "5-minute bars · 2013-03-01 09:30 to 15:55 · America/New_York · USD"
    assert MINUTES.subtitle(day[:1]) == "5-minute bars · 2013-03-01 09:30 · America/New_York · USD"
    assert "09:30 to 2013-03-04 09:30 · " in MINUTES.subtitle(later)


def test_the_figures_are_those_of_the_span() -> None:
    """The change is from the first opening to the last close, exact; high, low and volume are of all bars."""
    days = apple_days()[-2:]

    assert DAYS.summary(days) == "last 430.47   -13.58 (-3.06%)"
    assert DAYS.figures(days) == "last 430.47   -13.58 (-3.06%)   high 447.87   low 429.98   volume 31.2M"


def test_a_price_keeps_its_digits() -> None:
    """Neither small nor large prices become powers of ten."""
    tiny = bar(datetime(2026, 1, 5, tzinfo=UTC), ["0.000000123", "0.000000123", "0.000000123", "0.000000124"])

    assert DAYS.summary([tiny]) == "last 0.000000124   +0.000000001 (+0.81%)"
