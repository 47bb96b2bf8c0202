"""Lifetimes: drawn ages of streams."""

from __future__ import annotations

import random

from ticker_server.fanout.lifetimes import Lifetimes

MINUTE = 60_000_000_000


def test_ages_are_spread_over_a_fifth_to_both_sides() -> None:
    """Streams of 30 minutes end after 24 to 36, and not together."""
    lifetimes = Lifetimes(30 * MINUTE, random.Random(1).random)
    ages = [lifetimes.draw_age() or 0 for _ in range(1000)]

    assert 24 * MINUTE <= min(ages) < 25 * MINUTE
    assert 35 * MINUTE < max(ages) <= 36 * MINUTE
    assert len(set(ages)) == 1000


def test_streams_without_an_age_last_for_ever() -> None:
    """An age of zero is none."""
    assert Lifetimes(0, random.Random(1).random).draw_age() is None


def test_readers_come_back_within_a_second() -> None:
    """A reader of an old stream is told to come back soon, but not all at once."""
    lifetimes = Lifetimes(30 * MINUTE, random.Random(1).random)
    pauses = [lifetimes.draw_reconnect_after() for _ in range(1000)]

    assert 0 <= min(pauses) < 10_000_000
    assert 990_000_000 < max(pauses) < 1_000_000_000
