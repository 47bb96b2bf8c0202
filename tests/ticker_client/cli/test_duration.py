"""Durations as people type them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticker_client.cli.duration import format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("500ms", timedelta(milliseconds=500)),
        ("5s", timedelta(seconds=5)),
        ("1.5s", timedelta(seconds=1, milliseconds=500)),
        ("10m", timedelta(minutes=10)),
        ("1h", timedelta(hours=1)),
        ("400d", timedelta(days=400)),
        ("1us", timedelta(microseconds=1)),
        ("0s", timedelta(0)),
        ("-5s", timedelta(seconds=-5)),
        (" 5s ", timedelta(seconds=5)),
    ],
)
def test_a_number_and_a_unit_are_a_duration(text: str, expected: timedelta) -> None:
    """A duration is read from a number and its unit, with its sign."""
    assert parse_duration(text) == expected


@pytest.mark.parametrize(
    "text", ["", "5", "s", "5 s", "5S", "1h30m", "five s", "5s\x00", "\u0665s", "1e3s", "+5s", ".5s"]
)
def test_other_texts_are_refused_with_an_example(text: str) -> None:
    """What is no duration is refused, and the message shows how to write one."""
    with pytest.raises(ValueError, match="such as 500ms"):
        parse_duration(text)


def test_what_python_cannot_hold_is_refused() -> None:
    """A duration that is too fine or too long is refused with the reason."""
    with pytest.raises(ValueError, match="finer than a microsecond"):
        parse_duration("0.5us")
    with pytest.raises(ValueError, match="too long"):
        parse_duration("9999999999999d")


@pytest.mark.parametrize(
    ("duration", "expected"),
    [
        (timedelta(seconds=5), "5s"),
        (timedelta(milliseconds=100), "100ms"),
        (timedelta(seconds=90), "90s"),
        (timedelta(hours=24), "1d"),
        (timedelta(0), "0s"),
        (timedelta(seconds=7, microseconds=391478), "7.391478s"),
    ],
)
def test_a_duration_is_written_in_its_largest_whole_unit(duration: timedelta, expected: str) -> None:
    """A duration is written in the largest unit that needs no fraction, or else in seconds."""
    assert format_duration(duration) == expected


@given(st.timedeltas())
def test_what_is_written_is_read_as_the_same(duration: timedelta) -> None:
    """Any duration survives being written and read again."""
    assert parse_duration(format_duration(duration)) == duration
