"""The end of a turn of the loop, which comes when a test says so."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["HandTurned"]


class HandTurned:
    """Stands for `frames.turn.Turn`: `turn` makes the calls of one turn; what they add is for the next."""

    def __init__(self) -> None:
        self.calls: list[Callable[[], None]] = []

    def soon(self, call: Callable[[], None]) -> None:
        """Have something called at the end of this turn."""
        self.calls.append(call)

    def turn(self) -> None:
        """End one turn."""
        calls, self.calls = self.calls, []
        for call in calls:
            call()

    def turn_until_idle(self) -> None:
        """End turns until nothing is left to do."""
        while self.calls:
            self.turn()
