"""The scheduler: what is due, when, and who pulls for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.virtual_clock import SECOND, VirtualClock
from ticker_server.fanout.scheduler import Scheduler

MILLISECOND = SECOND // 1000


@dataclass(eq=False)
class Puller:
    """Counts its pulls; does what a test tells it."""

    on_pull: Callable[[], None] = lambda: None
    pulls: int = 0

    def pull(self) -> None:
        """Count."""
        self.pulls += 1
        self.on_pull()


@dataclass(eq=False)
class Alarm:
    """Something that becomes due; keeps when it did."""

    clock: VirtualClock
    watch: Puller = field(default_factory=Puller)
    rang: list[int] = field(default_factory=list)

    def mark_due(self) -> None:
        """Note the monotonic instant."""
        self.rang.append(self.clock.monotonic())


def test_due_at_its_deadline_and_once(clock: VirtualClock) -> None:
    """What is scheduled becomes due at its deadline, its watch pulls, and then it is scheduled no longer."""
    scheduler, alarm = Scheduler(clock), Alarm(clock)
    scheduler.at(2 * SECOND, alarm)
    clock.advance(1.999)
    assert not alarm.rang
    clock.advance(10)

    assert alarm.rang == [2 * SECOND]
    assert alarm.watch.pulls == 1
    assert len(scheduler) == 0


def test_later_and_earlier_deadlines_keep_their_order(clock: VirtualClock) -> None:
    """A deadline that is added before the one waited for comes first."""
    scheduler, late, early = Scheduler(clock), Alarm(clock), Alarm(clock)
    scheduler.at(5 * SECOND, late)
    scheduler.at(1 * SECOND, early)
    clock.advance(5)

    assert (early.rang, late.rang) == ([SECOND], [5 * SECOND])


def test_never_early_and_at_most_a_millisecond_late(clock: VirtualClock) -> None:
    """What is due within one millisecond is due together at its end."""
    scheduler, watch = Scheduler(clock), Puller()
    alarms = [Alarm(clock, watch) for _ in range(3)]
    for alarm, deadline in zip(alarms, (SECOND + 1, SECOND + 2, SECOND + MILLISECOND), strict=True):
        scheduler.at(deadline, alarm)
    clock.advance(2)

    assert [alarm.rang for alarm in alarms] == [[SECOND + MILLISECOND]] * 3
    assert watch.pulls == 1


def test_new_deadline_replaces_the_old(clock: VirtualClock) -> None:
    """Something is due once, at the deadline that was set last."""
    scheduler, alarm = Scheduler(clock), Alarm(clock)
    scheduler.at(1 * SECOND, alarm)
    scheduler.at(3 * SECOND, alarm)
    clock.advance(5)

    assert alarm.rang == [3 * SECOND]


def test_cancelled_is_never_due(clock: VirtualClock) -> None:
    """What is cancelled does not become due, by either clock, and nothing happens if nothing is scheduled."""
    scheduler, alarm, stranger = Scheduler(clock), Alarm(clock), Alarm(clock)
    scheduler.at(1 * SECOND, alarm)
    scheduler.at_wall(clock.wall() + SECOND, alarm)
    scheduler.cancel(alarm)
    scheduler.cancel(stranger)
    clock.advance(5)

    assert not alarm.rang
    assert len(scheduler) == 0


def test_closed_scheduler_is_quiet(clock: VirtualClock) -> None:
    """After close nothing that was scheduled becomes due."""
    scheduler, alarm = Scheduler(clock), Alarm(clock)
    scheduler.at(1 * SECOND, alarm)
    scheduler.close()
    clock.advance(5)

    assert not alarm.rang


def test_rescheduled_while_due_comes_again(clock: VirtualClock) -> None:
    """A pull may schedule the next deadline, even one that has passed."""
    scheduler, alarm = Scheduler(clock), Alarm(clock)
    alarm.watch.on_pull = lambda: scheduler.at(clock.monotonic() + SECOND, alarm) if len(alarm.rang) < 3 else None
    scheduler.at(0, alarm)
    clock.advance(10)

    assert alarm.rang == [0, SECOND, 2 * SECOND]


def test_pull_may_cancel_what_is_due_with_it(clock: VirtualClock) -> None:
    """A watch that is closed by another's pull does no harm."""
    scheduler, first, second = Scheduler(clock), Alarm(clock), Alarm(clock)
    first.watch.on_pull = lambda: scheduler.cancel(second)
    second.watch.on_pull = lambda: scheduler.cancel(first)
    scheduler.at(SECOND, first)
    scheduler.at(SECOND, second)
    clock.advance(2)

    assert len(scheduler) == 0


def test_one_that_fails_keeps_no_other_from_its_pull(clock: VirtualClock) -> None:
    """A pull that raises is told to the event loop; all others pull, and the scheduler goes on."""

    def fail() -> None:
        raise ZeroDivisionError

    scheduler = Scheduler(clock)
    alarms = [Alarm(clock, Puller(fail if index == 5 else lambda: None)) for index in range(10)]
    for alarm in alarms:
        scheduler.at(SECOND, alarm)
    with pytest.raises(ZeroDivisionError):
        clock.advance(1)
    clock.advance(0.001)
    assert [alarm.watch.pulls for alarm in alarms] == [1] * 10
    scheduler.at(2 * SECOND, alarms[0])
    clock.advance(1)

    assert [alarm.watch.pulls for alarm in alarms] == [2] + [1] * 9


def test_thousands_that_are_due_together_come_in_slices(clock: VirtualClock) -> None:
    """After some hundred pulls the event loop has a turn, and nothing is forgotten."""
    scheduler = Scheduler(clock)
    alarms = [Alarm(clock) for _ in range(1800)]
    for alarm in alarms:
        scheduler.at(SECOND, alarm)
    between: list[int] = []
    clock.call_at(SECOND, lambda: between.append(sum(alarm.watch.pulls for alarm in alarms)))
    clock.advance(1)

    assert between == [500]
    assert [alarm.watch.pulls for alarm in alarms] == [1] * 1800


def test_100_000_cancels_do_not_grow_it(clock: VirtualClock) -> None:
    """What is scheduled and cancelled again and again leaves nothing behind, at equal or at new deadlines."""
    scheduler, keep, alarm = Scheduler(clock), Alarm(clock), Alarm(clock)
    scheduler.at(3600 * SECOND, keep)
    for cycle in range(100_000):
        scheduler.at((cycle + 1) * MILLISECOND, alarm)
        scheduler.at_wall(clock.wall() + SECOND, alarm)
        scheduler.cancel(alarm)

    assert len(scheduler) == 1
    assert len(scheduler._monotonic._order) < 200
    assert len(scheduler._wall._order) < 200
    assert len([timer for timer in clock._timers if not timer.cancelled]) == 1


def test_monotonic_deadline_does_not_move_with_the_wall_clock(clock: VirtualClock) -> None:
    """A beat comes after the time that was waited for, whatever the wall clock is set to."""
    scheduler, alarm = Scheduler(clock), Alarm(clock)
    scheduler.at(60 * SECOND, alarm)
    clock.set_wall("2030-01-01T00:00:00+00:00")
    clock.advance(59)
    assert not alarm.rang
    clock.advance(1)

    assert alarm.rang == [60 * SECOND]


def test_wall_instant_moves_with_the_wall_clock(clock: VirtualClock) -> None:
    """A window that opens in an hour opens within a second after the wall clock was set past it."""
    scheduler, alarm = Scheduler(clock), Alarm(clock)
    scheduler.at_wall(clock.wall() + 3600 * SECOND, alarm)
    clock.advance(10)
    clock.set_wall("2026-03-02T13:30:00+00:00")
    clock.advance(1)

    assert len(alarm.rang) == 1


def test_wall_instant_waits_when_the_wall_clock_is_set_back(clock: VirtualClock) -> None:
    """A window does not open early because the wall clock was right once."""
    scheduler, alarm = Scheduler(clock), Alarm(clock)
    scheduler.at_wall(clock.wall() + 60 * SECOND, alarm)
    clock.advance(59)
    clock.set_wall("2026-03-02T12:00:00+00:00")
    clock.advance(59)
    assert not alarm.rang
    clock.advance(1)

    assert len(alarm.rang) == 1


@given(
    st.lists(
        st.tuples(st.integers(0, 9), st.sampled_from(["at", "at_wall", "cancel", "advance"]), st.integers(0, 3000)),
        max_size=60,
    )
)
def test_each_rings_as_a_plain_list_has_it(steps: list[tuple[int, str, int]]) -> None:
    """However deadlines are set, replaced and cancelled, each is due once in its millisecond."""
    clock = VirtualClock()
    scheduler, alarms = Scheduler(clock), [Alarm(clock) for _ in range(10)]
    plan: dict[tuple[int, str], int] = {}
    expected: list[list[int]] = [[] for _ in alarms]
    for index, step, amount in steps:
        deadline = clock.monotonic() + amount * MILLISECOND
        if step == "advance":
            clock.advance_ns(amount * MILLISECOND)
            for one, how in [key for key, due in plan.items() if due <= clock.monotonic()]:
                expected[one].append(plan.pop((one, how)))
        elif step == "cancel":
            scheduler.cancel(alarms[index])
            plan.pop((index, "at"), None)
            plan.pop((index, "at_wall"), None)
        else:
            scheduler.at(deadline, alarms[index]) if step == "at" else scheduler.at_wall(
                clock.wall() + amount * MILLISECOND, alarms[index]
            )
            plan[index, step] = deadline
    assert [sorted(rang) for rang in expected] == [alarm.rang for alarm in alarms]
