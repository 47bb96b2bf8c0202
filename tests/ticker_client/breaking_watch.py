"""A server whose streams break as a test says, and a client's pauses that take no time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta

from ticker.v1.watch_service_pb2 import Position, Resume, WatchStocksRequest, WatchStocksResponse

from tests.ticker_client.scripted_server import Refuse, ScriptedServer, Send, silence
from ticker_client import Event, Gap, Reconnect, Update, Watch

Step = WatchStocksResponse | Refuse | asyncio.Event | None
"""What a stream does next: a message, an end with a status, a wait for the test, or (None) silence."""


@dataclass
class Pauses:
    """Pauses that end at once, on a clock that they move."""

    taken: list[float] = field(default_factory=list)
    now: float = 0.0

    async def sleep(self, seconds: float) -> None:
        """Note a pause."""
        self.taken.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)

    def reconnect(self) -> Reconnect:
        """Return how a watch comes back by these pauses, each of them the longest possible."""
        return Reconnect(draw=lambda _, longest: longest, sleep=self.sleep, clock=lambda: self.now)


def play(server: ScriptedServer, *streams: list[Step]) -> None:
    """Let each stream do its steps; one that has done them all ends with OK, and further streams are silent."""
    scripts = iter(streams)

    async def script(request: WatchStocksRequest, send: Send) -> None:
        for step in next(scripts, [None]):
            if isinstance(step, Refuse):
                raise step
            if step is None:
                await silence()
            elif isinstance(step, asyncio.Event):
                await step.wait()
            else:
                await send(step)

    server.script = script


def resumes(server: ScriptedServer) -> list[Resume | None]:
    """Return where each stream was asked to go on."""
    return [request.resume if request.HasField("resume") else None for request in server.requests]


def at(*positions: tuple[str, int], log_epoch: str = "e-1") -> Resume:
    """Return a resume at these tick numbers; a sequence is ten times its number."""
    return Resume(
        log_epoch=log_epoch,
        positions=[Position(stock_id=stock_id, sequence=10 * n, tick_number=n) for stock_id, n in positions],
    )


async def events_until(watch: Watch, kind: type, count: int = 1) -> list[Event]:
    """Return the events up to the count-th of a kind."""
    events: list[Event] = []
    async with asyncio.timeout(20):
        while sum(isinstance(event, kind) for event in events) < count:
            events.append(await anext(watch))
    return events


def told(events: list[Event]) -> list[object]:
    """Return events in short: updates as (stock, number, superseded), gaps as they are, others by their type."""
    return [
        (event.stock_id, event.tick_number, event.superseded)
        if isinstance(event, Update)
        else event
        if isinstance(event, Gap)
        else type(event)
        for event in events
    ]


SHORT_PROMISE = timedelta(milliseconds=60)
