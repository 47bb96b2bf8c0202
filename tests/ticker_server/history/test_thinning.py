"""Which checkpoints are kept."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ticker_server.history.thinning import KEPT, Keeping, Mark, dispensable

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
BEGINNING = 490_000 * HOUR


def kept_of(written: Sequence[Mark], keeping: Keeping = KEPT) -> list[Mark]:
    """Return what is left when each mark is written after the one before, and thinned out each time."""
    marks: list[Mark] = []
    for mark in written:
        marks.append(mark)
        gone = set(dispensable(marks, keeping))
        marks = [each for each in marks if each not in gone]
    return marks


def every(minutes: int, count: int) -> list[Mark]:
    """Return marks at equal distances."""
    return [Mark(1_000 * number, BEGINNING + number * minutes * MINUTE) for number in range(1, count + 1)]


def test_last_hour_is_kept() -> None:
    """Of the last hour everything is kept."""
    assert kept_of(every(5, 13)) == every(5, 13)


def test_one_an_hour_is_kept_of_a_week() -> None:
    """Of a week before the last hour one per hour is kept, the first one; of what is older, nothing."""
    written = every(5, 10 * 24 * 12)
    kept = kept_of(written)
    recent = [mark for mark in kept if mark.accept_time >= written[-1].accept_time - HOUR]
    older = kept[: -len(recent)]

    assert recent == written[-13:]
    assert {mark.accept_time % HOUR for mark in older} == {0}
    assert [mark.accept_time - before.accept_time for before, mark in pairwise(older)] == [HOUR] * (len(older) - 1)
    assert older[0].accept_time == written[-1].accept_time - 7 * 24 * HOUR


def test_newest_two_stay_however_old() -> None:
    """After a long silence the two newest ones are left, and the one before them is gone."""
    silent = [*every(5, 3), Mark(9_000, BEGINNING + 30 * 24 * HOUR)]
    assert kept_of(silent) == silent[-2:]


def test_too_many_are_thinned_by_their_records() -> None:
    """Beyond the limit those go that the fewest records lie around; the oldest stays, and so do the newest two."""
    keeping = Keeping(all_seconds=10**6, spaced_seconds=3600, longest_seconds=10**6, most=4)
    marks = [Mark(position, BEGINNING) for position in (10, 500, 510, 900, 901, 902)]

    assert dispensable(marks, keeping) == [Mark(510, BEGINNING), Mark(900, BEGINNING)]


def test_clock_of_the_log_that_stands_still() -> None:
    """Where accept times do not move the number is bounded nevertheless, and what is kept is spread over the log."""
    kept = kept_of([Mark(1_000 * number, BEGINNING) for number in range(1, 2_001)])
    distances = [mark.position - before.position for before, mark in pairwise(kept)]

    assert len(kept) == KEPT.most
    assert max(distances) <= 5 * 2_000 * 1_000 / KEPT.most


STEPS = st.lists(st.tuples(st.integers(1, 300_000), st.integers(0, 200)), max_size=300)


@given(STEPS, st.integers(2, 200))
def test_whatever_is_written(steps: list[tuple[int, int]], most: int) -> None:
    """The newest two are always kept, never more than allowed; of each hour of a week something, where all have room."""
    position, accept_time, written = 0, BEGINNING, []
    for records, minutes in steps:
        position += records
        accept_time += minutes * MINUTE
        written.append(Mark(position, accept_time))
    keeping = Keeping(3600, 3600, 7 * 24 * 3600, most)
    kept = kept_of(written, keeping)

    assert kept[-2:] == written[-2:]
    assert len(kept) <= most
    if len(written) <= most:
        hours = {mark.accept_time // HOUR for mark in written if mark.accept_time > accept_time - 7 * 24 * HOUR + HOUR}
        assert hours <= {mark.accept_time // HOUR for mark in kept}
