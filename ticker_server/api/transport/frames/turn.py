"""What is to be done at the end of a turn of the event loop, for all connections together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

__all__ = ["Turn"]


class Turn:
    """A list of calls that one `call_soon` makes; what they add is for the next turn."""

    __slots__ = ("_calls", "_loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._calls: list[Callable[[], None]] = []

    def soon(self, call: Callable[[], None]) -> None:
        """Have something called at the end of this turn."""
        if not self._calls:
            self._loop.call_soon(self._run)
        self._calls.append(call)

    def _run(self) -> None:
        calls, self._calls = self._calls, []
        for call in calls:
            try:
                call()
            except Exception as error:  # noqa: BLE001 - one connection's trouble is not that of the others
                self._loop.call_exception_handler({"message": "a connection failed", "exception": error})
