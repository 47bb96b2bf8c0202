"""What a program was told by a watch, event by event; it may have been restarted, and have gone on where it stood."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ticker_client import Resume
from ticker_client.events import Event, Opened, Update


@dataclass(frozen=True, slots=True)
class Begun:
    """The program has begun a watch, the first or another one, from where it stood; None = afresh."""

    resume: Resume | None


@dataclass(frozen=True, slots=True)
class Seen:
    """An event, and when it came (seconds of the monotonic clock)."""

    at: float
    event: Event | Begun


History = list[Seen]


def updates_of(history: History) -> Iterator[tuple[str, Update]]:
    """Yield each update with the epoch of its stream."""
    epoch = ""
    for seen in history:
        if isinstance(seen.event, Opened):
            epoch = seen.event.log_epoch
        elif isinstance(seen.event, Update):
            yield epoch, seen.event
