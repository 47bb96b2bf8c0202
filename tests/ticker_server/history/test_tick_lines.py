"""Ticks as lines for COPY."""

from __future__ import annotations

from ticker_server.history.tick_lines import DAY, TickLines
from ticker_server.model.tick import AcceptedTick


def tick(sequence: int, accept_time: int = 0, size: str = "10") -> AcceptedTick:
    """Return a tick."""
    return AcceptedTick("AAPL", "1.50", size, -5, accept_time, sequence, 7)


def test_line_has_the_columns() -> None:
    """A line has each value as PostgreSQL reads it; an unknown size is NULL."""
    lines = TickLines(3, 2)
    lines.add(tick(1, 1_763_900_000_123_000_000))
    lines.add(tick(2, 1_763_900_000_123_000_000, ""))

    assert lines.take() == {
        1_763_900_000_123_000_000 // DAY: [
            "AAPL\t1.50\t10\t2025-11-23T12:13:20.123000+00:00\t-5\t1\t7\t3\t2\n",
            "AAPL\t1.50\t\\N\t2025-11-23T12:13:20.123000+00:00\t-5\t2\t7\t3\t2\n",
        ]
    }


def test_days_stand_apart() -> None:
    """Lines are divided by the day of acceptance in UTC, and taken once."""
    lines = TickLines(0, 1)
    for sequence, time in enumerate((0, DAY - 1, DAY, 5 * DAY), 1):
        lines.add(tick(sequence, time))

    assert len(lines) == 4
    assert {day: len(some) for day, some in lines.take().items()} == {0: 2, 1: 1, 5: 1}
    assert (len(lines), lines.take()) == (0, {})


def test_what_is_put_back_is_taken_again() -> None:
    """Lines that are put back come again with those that came meanwhile; what was taken does not change."""
    lines = TickLines(0, 1)
    lines.add(tick(1))
    taken = lines.take()
    lines.add(tick(2))
    lines.put_back(taken)
    lines.add(tick(3))

    assert len(lines) == 3
    assert sorted(line.split("\t")[5] for line in lines.take()[0]) == ["1", "2", "3"]
    assert [line.split("\t")[5] for line in taken[0]] == ["1"]
