"""Timers whose time passes when a test says so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


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
