"""When a watch comes back by itself, and after which pause."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from ticker_client.errors import Internal, LimitExceeded, NotBuilt, ReaderTooSlow, ServerUnreachable, TickerError
from ticker_client.events import Reconnected

__all__ = ["Outage", "Reconnect", "is_passing"]

_PASSING_CODES = {"ABORTED", "CANCELLED", "DEADLINE_EXCEEDED", "UNAVAILABLE", "UNKNOWN"}
# Without our details: a connection that was reset, an end without a go_away, and silence.
_PASSING_BARE_CODES = _PASSING_CODES | {"INTERNAL", "OK", ""}


@dataclass(frozen=True, slots=True)
class Reconnect:
    """How a watch comes back: after pauses that are drawn from ever longer ranges."""

    first_pause: timedelta = timedelta(milliseconds=200)
    """The longest pause before the first attempt; it doubles with each further one."""
    longest_pause: timedelta = timedelta(seconds=3)
    """The longest pause ever; a stream that was live for so long was a good one, and the pauses begin anew after it.

    An attempt fails shortly before the network is back, at worst, and gRPC tries each 1.2 s at most: so a watch is live
    again within 5 s.
    """
    draw: Callable[[float, float], float] = random.uniform
    """Draws a pause, so that readers do not all come back at once."""
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    clock: Callable[[], float] = time.monotonic
    """Tells the time in seconds, from any point on."""

    def pause(self, failures: int, at_least: timedelta | None) -> float:
        """Return the pause in seconds after so many failures in a row; on top of what the server asked for."""
        doublings = min(failures - 1, 30)  # no pause is that long
        longest = min(self.first_pause * 2**doublings, self.longest_pause).total_seconds()
        least = 0.0 if at_least is None else max(0.0, at_least.total_seconds())
        return least + self.draw(0, longest)


class Outage:
    """The time in which a watch is not live: since when, why, and how often it has tried to come back."""

    def __init__(self, reason: str, since: float) -> None:
        self.attempts = 0
        self._reason = reason
        self._since = since

    def over(self, now: float, replayed_count: int) -> Reconnected:
        """Return the event that tells its end."""
        return Reconnected(self.attempts, timedelta(seconds=max(0.0, now - self._since)), self._reason, replayed_count)


def is_passing(error: TickerError) -> bool:
    """Tell whether a watch that ended so may be opened again as it stands."""
    match error:
        case ReaderTooSlow() | Internal() | NotBuilt():
            return False  # what the program asked for, a fault of the server, an older server
        case LimitExceeded():
            return error.retry_after is not None
        case ServerUnreachable():
            return error.code in _PASSING_BARE_CODES
    return error.retryable or error.code in _PASSING_CODES
