"""The calls that are being answered: who made each, and when all are done."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import grpc

from ticker_server.api.caller import Caller
from ticker_server.clock import Clock

__all__ = ["Call", "Calls", "Context"]

Context = grpc.aio.ServicerContext[Any, Any]


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a method: `/ticker.v1.StockService/GetStock`, who called, and the way to answer."""

    method: str
    caller: Caller
    context: Context
    task: asyncio.Task[Any]
    """Answers the call, its status included, which comes after the handler's return."""

    def when_over(self, callback: Callable[[], None]) -> None:
        """Call back when the status is out, or the caller is gone.

        The callbacks of a context would do the same, but they keep the context and the call's memory in the C core
        alive until the garbage collector comes by.
        """
        self.task.add_done_callback(lambda _: callback())

    @property
    def fields(self) -> dict[str, str]:
        """What the log says of a call besides what happened."""
        return {"method": self.method, "request_id": self.caller.request_id, "peer": self.caller.peer}


class Calls:
    """Counts the calls of our own services from their begin until their status is out."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._count = 0
        self._idle = asyncio.Event()
        self._idle.set()

    def begin(self, method: str, context: Context) -> Call:
        """Return the call that the running task answers, under a new request id."""
        task = asyncio.current_task()
        assert task is not None
        self._count += 1
        self._idle.clear()
        caller = Caller(
            peer=context.peer(),
            request_id=secrets.token_hex(8),
            deadline=_deadline(context.time_remaining(), self._clock.wall()),
        )
        call = Call(method, caller, context, task)
        call.when_over(self._end)
        return call

    async def idle(self) -> None:
        """Wait until no call is being answered."""
        await self._idle.wait()

    def _end(self) -> None:
        self._count -= 1
        if not self._count:
            self._idle.set()


def _deadline(remaining_seconds: float | None, now: int) -> int | None:
    return None if remaining_seconds is None else now + int(remaining_seconds * 1e9)
