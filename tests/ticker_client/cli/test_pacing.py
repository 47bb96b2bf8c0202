"""Rows in batches, at the pace of their trade times."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from ticker_client.cli.csv_ticks import CsvTick, TickRow
from ticker_client.cli.pacing import MAX_BATCH, paced_batches

SECOND = 1_000_000_000


class Clock:
    """A clock that moves only when somebody sleeps."""

    def __init__(self) -> None:
        self.time = 100.0

    def now(self) -> float:
        """Return the time in seconds."""
        return self.time

    async def sleep(self, seconds: float) -> None:
        """Let time pass at once."""
        self.time += seconds


def row(line: int, at: int | None, ticks: int = 1) -> TickRow:
    """Return a row with ticks of one trade time."""
    return TickRow(line, tuple(CsvTick("AAPL", "1", "", at, number) for number in range(ticks)))


async def batches(rows: list[TickRow], speed: float) -> list[tuple[float, list[int]]]:
    """Return the lines of each batch, and when it came."""
    clock = Clock()
    return [
        (clock.time - 100, [row.line for row in batch])
        async for batch in paced_batches(rows, speed, now=clock.now, sleep=clock.sleep)
    ]


async def test_without_a_speed_nothing_waits() -> None:
    """At speed 0 all rows are due at once, however far apart their trade times are."""
    assert await batches([row(2, 0), row(3, 900 * SECOND)], 0) == [(0, [2, 3])]


async def test_gaps_between_trade_times_are_divided_by_the_speed() -> None:
    """Rows wait for their own due time, those of one moment go together, and what is ready does not wait for more."""
    rows = [row(2, 0), row(3, 0), row(4, 10 * SECOND), row(5, 16 * SECOND)]

    assert await batches(rows, 2) == [(0, [2, 3]), (5, [4]), (8, [5])]


async def test_a_step_back_of_trade_times_costs_no_time() -> None:
    """In a file that is sorted by stock the next stock goes on at once."""
    rows = [row(2, 0), row(3, 10 * SECOND), row(4, 0), row(5, 2 * SECOND), row(6, None)]

    assert await batches(rows, 1) == [(0, [2]), (10, [3, 4]), (12, [5, 6])]


@given(st.lists(st.integers(1, 400), max_size=30))
async def test_a_batch_has_at_most_1000_ticks_and_whole_rows(sizes: list[int]) -> None:
    """Rows keep their order, none is split, and no batch is empty or too large."""
    rows = [row(line, 0, ticks) for line, ticks in enumerate(sizes)]
    clock = Clock()

    made = [batch async for batch in paced_batches(rows, 0, now=clock.now, sleep=clock.sleep)]

    assert [row for batch in made for row in batch] == rows
    assert all(0 < sum(len(row.ticks) for row in batch) <= MAX_BATCH for batch in made)


async def test_a_batch_is_read_only_when_the_one_before_is_dealt_with() -> None:
    """No more rows are read than fill the batch that is asked for, and the row behind it."""
    read: list[int] = []

    def rows() -> list[TickRow]:
        return [row(line, 0, 500) for line in range(10)]

    def noted() -> Iterator[TickRow]:
        for one in rows():
            read.append(one.line)
            yield one

    async for _ in paced_batches(noted(), 0):
        break

    assert read == [0, 1, 2]
