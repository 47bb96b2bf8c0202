"""Through which instant a log was read."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ticker_server.feed.kafka.bookmarks import CLOCK_MARGIN, Bookmarks

SECOND = 1_000_000_000


def test_nothing_is_known_at_first() -> None:
    """Before a broker was asked, and before anything was read, no instant can be told."""
    bookmarks = Bookmarks(2)

    assert bookmarks.read_through({0: 5, 1: 5}) == 0
    bookmarks.note_ends(10 * SECOND, {0: 0})
    assert bookmarks.read_through({0: 5, 1: 5}) == 0, "one partition is not known"


def test_idle_log() -> None:
    """Where nothing comes, the instant is that at which the ends were asked, less what clocks may differ by."""
    bookmarks = Bookmarks(2)
    bookmarks.note_ends(10 * SECOND, {0: 5, 1: 0})

    assert bookmarks.read_through({0: 5}) == 10 * SECOND - CLOCK_MARGIN
    assert bookmarks.read_through({0: 4}) == 0


def test_busy_log() -> None:
    """Where an end is never reached, the accept time of the newest tick tells."""
    bookmarks = Bookmarks(1)
    bookmarks.note_ends(10 * SECOND, {0: 500})
    bookmarks.note_read(0, 100, 7 * SECOND)
    assert bookmarks.read_through({0: 100}) == 7 * SECOND

    bookmarks.note_read(0, 200, 8 * SECOND)
    assert bookmarks.read_through({0: 150}) == 7 * SECOND
    assert bookmarks.read_through({0: 600}) == 10 * SECOND - CLOCK_MARGIN


def test_furthest_behind_counts() -> None:
    """The instant of the log is that of the partition that is furthest behind."""
    bookmarks = Bookmarks(2)
    bookmarks.note_ends(10 * SECOND, {0: 5, 1: 5})
    bookmarks.note_ends(20 * SECOND, {0: 5, 1: 9})

    assert bookmarks.read_through({0: 5, 1: 5}) == 10 * SECOND - CLOCK_MARGIN


def test_instant_does_not_go_back() -> None:
    """What was told of positions holds, also when it is long ago that they were an end."""
    bookmarks = Bookmarks(1)
    bookmarks.note_ends(10 * SECOND, {0: 5})
    told = bookmarks.read_through({0: 5})
    for number in range(1, 200):
        bookmarks.note_ends((10 + number) * SECOND, {0: 5 + number})

    assert bookmarks.read_through({0: 5}) == told
    assert bookmarks.read_through({0: 4}) == 0


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 3), st.booleans()), max_size=80))
def test_instant_is_never_too_late(steps: list[tuple[int, int, bool]]) -> None:
    """Whatever comes and is asked in whatever order, nothing above the positions was accepted before the instant."""
    bookmarks = Bookmarks(2)
    log: list[list[int]] = [[], []]
    read = [0, 0]
    told = 0
    for second, (partition, step, asked) in enumerate(steps, 1):
        if step:
            log[partition].append(second * SECOND)
            read[partition] = min(len(log[partition]), read[partition] + step - 1)
            if read[partition]:
                bookmarks.note_read(partition, read[partition], log[partition][read[partition] - 1])
        if asked:
            bookmarks.note_ends(second * SECOND, {0: len(log[0]), 1: len(log[1])})
        instant = bookmarks.read_through(dict(enumerate(read)))
        assert instant >= told
        told = instant
        for each, accepted in enumerate(log):
            assert not [time for time in accepted[read[each] :] if time < instant]
