"""One scheduler for all that is due at an instant: beats, heartbeats, openings and closings of windows.

Two calendars and one timer, never a task or a timer per watch. What is due at a monotonic deadline (beats) does not move
when the wall clock is set; what is due at a wall instant (windows) does.
"""

from __future__ import annotations

import heapq
from typing import Protocol

from ticker_server.clock import Clock, Timer

__all__ = ["GONE", "Due", "Puller", "Scheduler"]

_WALL_CHECK = 1_000_000_000
"""With anything due at a wall instant the wall clock is looked at so often, because it may be set (nanoseconds)."""

_SLOT = 1_000_000
"""What is due within so many nanoseconds is due together, at their end; an event loop's timers are no finer."""

_SLICE = 500
"""So many become due by each clock, then a turn of the event loop."""

_MAX_EMPTY = 64
"""So many emptied slots may stay in a calendar's order, or as many as there are others if that is more."""

_NOW, _NEVER = -1, 1 << 63


class Puller(Protocol):
    """Something with messages to send; `pull` sends what is due and never waits."""

    def pull(self) -> None:
        """Send what is due."""


class _Gone:
    """Stands for a watch that was closed: whoever keeps it keeps nothing of the watch alive."""

    def pull(self) -> None:
        """Do nothing."""


GONE = _Gone()


class Due(Protocol):
    """Something that becomes due: a frequency of a watch, its heartbeat, its windows."""

    @property
    def watch(self) -> Puller:
        """The watch to pull once after this, and others of it, became due."""

    def mark_due(self) -> None:
        """Note that the instant has come; it is scheduled no longer."""


class _Calendar:
    """What is due, by the millisecond: adding and taking cost little, and what is due close together is one wake-up."""

    def __init__(self) -> None:
        self._slots: dict[int, dict[Due, None]] = {}
        self._slot_of: dict[Due, int] = {}
        # A heap of the slots; one that was emptied by cancelling stays until it comes up or such outnumber the others.
        self._order: list[int] = []

    def __len__(self) -> int:
        return len(self._slot_of)

    def add(self, instant: int, due: Due) -> None:
        self.discard(due)
        slot = -(-instant // _SLOT)
        dues = self._slots.get(slot)
        if dues is None:
            dues = self._slots[slot] = {}
            heapq.heappush(self._order, slot)
        dues[due] = None
        self._slot_of[due] = slot

    def discard(self, due: Due) -> None:
        slot = self._slot_of.pop(due, None)
        if slot is None:
            return
        del self._slots[slot][due]
        if not self._slots[slot]:
            del self._slots[slot]
            if len(self._order) > _MAX_EMPTY + 2 * len(self._slots):
                self._order = list(self._slots)
                heapq.heapify(self._order)

    def first(self) -> int | None:
        """Return the instant at which something is due next."""
        while self._order and self._order[0] not in self._slots:
            heapq.heappop(self._order)
        return self._order[0] * _SLOT if self._order else None

    def take(self, now: int, limit: int) -> list[Due]:
        """Remove and return what is due, at most so many."""
        taken: list[Due] = []
        while len(taken) < limit and (instant := self.first()) is not None and instant <= now:
            dues = self._slots[self._order[0]]
            while dues and len(taken) < limit:
                due, _ = dues.popitem()
                del self._slot_of[due]
                taken.append(due)
            if not dues:
                del self._slots[heapq.heappop(self._order)]
        return taken


class Scheduler:
    """Marks what is due and lets each watch pull once for all of its own that came due together.

    Something is scheduled at most once per clock: a new deadline replaces the old one.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._monotonic = _Calendar()
        self._wall = _Calendar()
        self._to_pull: dict[Puller, None] = {}
        self._timer: Timer | None = None
        self._armed_for = _NEVER

    def __len__(self) -> int:
        return len(self._monotonic) + len(self._wall)

    def at(self, deadline: int, due: Due) -> None:
        """Schedule at a monotonic deadline, in nanoseconds."""
        self._monotonic.add(deadline, due)
        self._wake_by(deadline)

    def at_wall(self, instant: int, due: Due) -> None:
        """Schedule at a wall instant, in nanoseconds since the epoch; early or late if the wall clock is being set."""
        self._wall.add(instant, due)
        self._wake_by(self._look_at(instant))

    def cancel(self, due: Due) -> None:
        """Forget a deadline; nothing happens if there is none."""
        self._monotonic.discard(due)
        self._wall.discard(due)

    def close(self) -> None:
        """Stop: nothing that was scheduled becomes due any more."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._armed_for = None, _NEVER
        self._monotonic, self._wall = _Calendar(), _Calendar()

    def _run(self) -> None:
        # What is scheduled meanwhile is seen at the end.
        self._timer, self._armed_for = None, _NOW
        try:
            self._mark_due()
            while self._to_pull:
                self._to_pull.popitem()[0].pull()
        finally:
            # One that fails keeps no other from its pull.
            self._armed_for = _NEVER
            self._arm()

    def _mark_due(self) -> None:
        dues = self._monotonic.take(self._clock.monotonic(), _SLICE)
        dues += self._wall.take(self._clock.wall(), _SLICE)
        for due in dues:
            due.mark_due()
            self._to_pull[due.watch] = None

    def _arm(self) -> None:
        if self._to_pull:
            self._wake_by(self._clock.monotonic())
        if (deadline := self._monotonic.first()) is not None:
            self._wake_by(deadline)
        if (instant := self._wall.first()) is not None:
            self._wake_by(self._look_at(instant))

    def _wake_by(self, deadline: int) -> None:
        if deadline < self._armed_for:
            if self._timer is not None:
                self._timer.cancel()
            self._armed_for = deadline
            self._timer = self._clock.call_at(deadline, self._run)

    def _look_at(self, instant: int) -> int:
        """Return the monotonic deadline at which to look whether a wall instant has come."""
        return self._clock.monotonic() + min(max(0, instant - self._clock.wall()), _WALL_CHECK)
