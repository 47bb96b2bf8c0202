"""How often and in which hours, in words."""

from __future__ import annotations

import pytest

from ticker_server.catalog.bulk.bad_row import RuleBreach
from ticker_server.catalog.bulk.terms import TERM_FIELDS, TermCells, Terms, parse_terms
from ticker_server.model.schedule import DEFAULT_WINDOW, Schedule, Window
from ticker_server.model.subscription import DEFAULT_FREQUENCY, EVERY_TICK

MILLISECOND = 1_000_000


def test_empty_cells_are_the_defaults_of_add_stock() -> None:
    """Nothing said means UTC, every five seconds, 10:00 to 18:00 on all days."""
    assert parse_terms(TermCells()) == Terms(DEFAULT_FREQUENCY, Schedule("UTC", DEFAULT_WINDOW))
    assert TERM_FIELDS == ("time_zone", "frequency", "every_tick", "window", "days", "always")


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [("500ms", 500), ("5s", 5000), ("0.5s", 500), ("1m", 60_000), ("24h", 86_400_000), ("1d", 86_400_000)],
)
def test_a_frequency_is_a_number_and_a_unit(text: str, milliseconds: int) -> None:
    """Frequencies read as `ticker add --frequency` takes them, from 100 ms to 24 h."""
    assert parse_terms(TermCells(frequency=text)).cadence == milliseconds * MILLISECOND


@pytest.mark.parametrize("truth", ["true", "YES", "1"])
def test_every_tick_and_always_are_truths(truth: str) -> None:
    """`true`, `yes` and `1` say yes, in any case."""
    terms = parse_terms(TermCells(every_tick=truth, always=truth))

    assert terms == Terms(EVERY_TICK, Schedule("UTC", None))


@pytest.mark.parametrize("truth", ["false", "No", "0"])
def test_not_every_tick_is_as_not_said(truth: str) -> None:
    """`every_tick` and `always` said to be false leave a frequency and a window their place."""
    cells = TermCells(frequency="1s", every_tick=truth, window="09:00-10:00", always=truth)

    assert parse_terms(cells) == Terms(1000 * MILLISECOND, Schedule("UTC", Window(540, 600)))


@pytest.mark.parametrize("days", ["fri,mon", "mon fri", "MON|fri|mon", "mon, fri"])
def test_days_are_parted_by_commas_spaces_or_bars(days: str) -> None:
    """A list of days needs no quotes where bars or spaces part it; days alone have the default hours."""
    assert parse_terms(TermCells(days=days)).schedule.window == Window(600, 1080, (1, 5))


def test_a_window_may_cross_midnight() -> None:
    """Hours, days and the zone are those of the row."""
    cells = TermCells(time_zone="Europe/Berlin", window="22:00-06:00", days="sun")

    assert parse_terms(cells).schedule == Schedule("Europe/Berlin", Window(1320, 360, (7,)))


@pytest.mark.parametrize(
    ("cells", "reason", "told"),
    [
        (TermCells(time_zone="Mars/X"), "INVALID_TIME_ZONE", 'time_zone "Mars/X" is not an IANA time zone'),
        (TermCells(frequency="5"), "INVALID_FREQUENCY", 'frequency "5": write a number and a unit'),
        (TermCells(frequency="99ms"), "INVALID_FREQUENCY", "100 ms to 24 h"),
        (TermCells(frequency="86401s"), "INVALID_FREQUENCY", "100 ms to 24 h"),
        (TermCells(frequency="0.1000001s"), "INVALID_FREQUENCY", "finer than a microsecond"),
        (TermCells(frequency="5s", every_tick="true"), "INVALID_CADENCE", "exclude each other"),
        (TermCells(every_tick="perhaps"), "INVALID_CADENCE", 'every_tick "perhaps": write true or false'),
        (TermCells(always="x"), "INVALID_WINDOW", 'always "x"'),
        (TermCells(always="1", days="mon"), "INVALID_WINDOW", "always excludes window and days"),
        (TermCells(always="1", window="09:00-10:00"), "INVALID_WINDOW", "always excludes window and days"),
        (TermCells(window="9-10"), "INVALID_WINDOW", 'window "9-10": write HH:MM-HH:MM'),
        (TermCells(window="09:00-09:00"), "INVALID_WINDOW", "must differ"),
        (TermCells(window="09:00-25:00"), "INVALID_WINDOW", 'window end "25:00"'),
        (TermCells(days="mon;tue"), "INVALID_WINDOW", '"mon;tue" is no day of mon tue'),
    ],
)
def test_a_cell_at_fault_is_told(cells: TermCells, reason: str, told: str) -> None:
    """A cell that breaks a rule is told with the reason that the API gives, its name and its text."""
    with pytest.raises(RuleBreach) as caught:
        parse_terms(cells)

    assert caught.value.reason == reason
    assert told in caught.value.message


def test_equal_cells_share_their_terms() -> None:
    """A million rows of equal terms hold one object."""
    assert parse_terms(TermCells(frequency="7s")) is parse_terms(TermCells(frequency="7s"))
