from __future__ import annotations

from datetime import timedelta

from ticker_server.model.subscription import DEFAULT_FREQUENCY, EVERY_TICK, MAX_FREQUENCY, MIN_FREQUENCY


def test_frequencies_are_nanoseconds() -> None:
    """A frequency is 100 ms to 24 h and 5 s by default, in nanoseconds; none of them can be taken for every tick."""
    assert timedelta(microseconds=MIN_FREQUENCY / 1000) == timedelta(milliseconds=100)
    assert timedelta(microseconds=DEFAULT_FREQUENCY / 1000) == timedelta(seconds=5)
    assert timedelta(microseconds=MAX_FREQUENCY / 1000) == timedelta(hours=24)
    assert EVERY_TICK < MIN_FREQUENCY
