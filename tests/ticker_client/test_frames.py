"""Tables of pandas."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tests.ticker_client.sample_bars import NEW_YORK, bar
from ticker_client.frames import frame_of


def test_the_clock_change_keeps_each_bar() -> None:
    """The hour that the clock shows twice is two rows, each at its own instant."""
    midnight = datetime(2013, 11, 3, 5, tzinfo=UTC)
    bars = [bar((midnight + timedelta(minutes=30 * step)).astimezone(NEW_YORK), [1, 1, 1, 1]) for step in range(4)]
    table = frame_of(bars, "America/New_York", exact=False)

    assert [moment.strftime("%H:%M%z") for moment in table.index] == [
        "01:00-0400",
        "01:30-0400",
        "01:00-0500",
        "01:30-0500",
    ]
    assert table.index.is_monotonic_increasing
