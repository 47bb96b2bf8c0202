"""The watchdog, in virtual time."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from tests.ticker_client.fake_loop import FakeLoop
from ticker_client.watchdog import Watchdog

PROMISE = timedelta(seconds=16)


def watched() -> tuple[FakeLoop, Watchdog, list[timedelta]]:
    """Return a loop, a watchdog in it, and the list of its barks."""
    loop, barks = FakeLoop(), list[timedelta]()
    return loop, Watchdog(loop.call_later, barks.append, lambda: loop.now), barks


def test_it_barks_once_after_the_promise_is_over() -> None:
    """Silence up to the promise is fine; soon after it the watchdog barks, once."""
    loop, watchdog, barks = watched()
    watchdog.alive(PROMISE)
    loop.run(16)
    before = list(barks)
    loop.run(0.75)
    after = list(barks)
    loop.run(60)

    assert (before, after, barks) == ([], [PROMISE], [PROMISE])


def test_a_sign_of_life_starts_the_time_anew() -> None:
    """A sign of life in time keeps the watchdog quiet for another promise."""
    loop, watchdog, barks = watched()
    for _ in range(5):
        watchdog.alive(PROMISE)
        loop.run(15)

    assert barks == []


def test_another_promise_counts_from_now() -> None:
    """A shorter promise counts at once, and not only when the time of the longer one is over."""
    loop, watchdog, barks = watched()
    watchdog.alive(PROMISE)
    watchdog.alive(timedelta(seconds=8))
    loop.run(9)

    assert barks == [timedelta(seconds=8)]


def test_a_stalled_program_loses_one_slice_only() -> None:
    """A program that blocks its loop for a minute is not silence of the server."""
    loop, watchdog, barks = watched()
    watchdog.alive(PROMISE)
    loop.stall(60)
    watchdog.alive(PROMISE)
    loop.run(15)

    assert barks == []


def test_timers_that_are_a_little_late_do_not_add_up() -> None:
    """On a busy machine, where each timer fires late, the watchdog barks hardly later."""
    loop, watchdog, barks = watched()
    watchdog.alive(PROMISE)
    while not barks and loop.now < 60:
        (timer,) = loop.timers
        loop.stall(timer.due - loop.now + 0.4)

    assert 16 < loop.now < 17.5


def test_it_is_quiet_until_the_first_sign_of_life_and_after_stopping() -> None:
    """Without a promise there is nothing to watch, and a stopped watchdog never barks."""
    loop, watchdog, barks = watched()
    loop.run(100)
    watchdog.stop()
    watchdog.alive(PROMISE)
    watchdog.stop()
    loop.run(100)
    assert barks == []

    watchdog.alive(PROMISE)
    loop.run(17)
    assert barks == [PROMISE]


@given(st.lists(st.floats(0.25, 40), max_size=20))
def test_it_barks_exactly_when_a_pause_is_too_long(pauses: list[float]) -> None:
    """It barks if a pause is longer than 1 + 1/SLICES of the promise, and never if all are within the promise."""
    loop, watchdog, barks = watched()
    for pause in pauses:
        watchdog.alive(PROMISE)
        loop.run(pause)
        if barks:
            break

    if max(pauses, default=0) <= 16:
        assert barks == []
    if max(pauses, default=0) > 17:
        assert barks == [PROMISE]
