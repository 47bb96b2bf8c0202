"""The watchdog, in virtual time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from ticker_client.watchdog import Watchdog

PROMISE = timedelta(seconds=16)


@dataclass(eq=False)
class FakeTimer:
    """A timer of the fake loop."""

    due: float
    callback: Callable[[], None]
    cancelled: bool = False

    def cancel(self) -> None:
        """Never call back."""
        self.cancelled = True


@dataclass
class FakeLoop:
    """A loop whose time passes when a test says so; its timers fire at most once per pass, as after a stall."""

    now: float = 0.0
    timers: list[FakeTimer] = field(default_factory=list)

    def call_later(self, delay: float, callback: Callable[[], None]) -> FakeTimer:
        """Note a timer."""
        timer = FakeTimer(self.now + delay, callback)
        self.timers.append(timer)
        return timer

    def stall(self, seconds: float) -> None:
        """Let time pass at once: what is due by then fires once, at the end."""
        self.now += seconds
        due = [timer for timer in self.timers if timer.due <= self.now]
        self.timers = [timer for timer in self.timers if timer.due > self.now]
        for timer in due:
            if not timer.cancelled:
                timer.callback()

    def run(self, seconds: float) -> None:
        """Let time pass in small steps."""
        for _ in range(round(seconds * 4)):
            self.stall(0.25)


def watched() -> tuple[FakeLoop, Watchdog, list[timedelta]]:
    """Return a loop, a watchdog in it, and the list of its barks."""
    loop, barks = FakeLoop(), list[timedelta]()
    return loop, Watchdog(loop.call_later, barks.append), barks


def test_it_barks_once_after_the_promise_is_over() -> None:
    """Silence up to the promise is fine; soon after it the watchdog barks, once."""
    loop, watchdog, barks = watched()
    watchdog.alive(PROMISE)
    loop.run(16)
    before = list(barks)
    loop.run(1)
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


def test_it_is_quiet_until_the_first_sign_of_life_and_after_stopping() -> None:
    """Without a promise there is nothing to watch, and a stopped watchdog never barks."""
    loop, watchdog, barks = watched()
    loop.run(100)
    watchdog.stop()
    watchdog.alive(PROMISE)
    watchdog.stop()
    loop.run(100)

    assert barks == []


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
    if max(pauses, default=0) > 17.5:
        assert barks == [PROMISE]
