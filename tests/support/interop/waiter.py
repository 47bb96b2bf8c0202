"""A handler that waits for what never comes."""

from __future__ import annotations

import asyncio

from ticker_server.api.transport.frames.call import Call
from ticker_server.api.transport.frames.methods import Method, Streaming, Unary

__all__ = ["Waiter"]


class Waiter:
    """Waits in one call until it is cancelled; `began` and `cancelled` are set when that is so."""

    UNARY = "/tests.Waiter/Unary"
    STREAMING = "/tests.Waiter/Streaming"

    def __init__(self) -> None:
        self.began = asyncio.Event()
        self.cancelled = asyncio.Event()
        self.deadline: int | None = None
        self.methods: dict[str, Method] = {self.UNARY: Unary(self._answer), self.STREAMING: Streaming(self._wait)}

    async def _answer(self, _request: bytes, call: Call) -> bytes:
        await self._wait(call)
        return b""

    async def _wait(self, call: Call) -> None:
        self.deadline = call.caller.deadline
        self.began.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
