"""A watch: prices as they come, in an `async for`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from types import TracebackType
from typing import Self

import grpc
from ticker.v1 import watch_service_pb2 as wire

from ticker_client.buffer import EventBuffer
from ticker_client.connection import Connection
from ticker_client.continuity import Continuity
from ticker_client.errors import ClientMisused, HeartbeatMissed, ServerUnreachable, TickerError, WatchBroken
from ticker_client.events import Event, Heartbeat, LagPolicy, Opened
from ticker_client.intake import Intake
from ticker_client.watchdog import CallLater, Watchdog

__all__ = ["Watch", "WatchStatistics"]

Call = grpc.aio.UnaryStreamCall[wire.WatchStocksRequest, wire.WatchStocksResponse]


@dataclass(frozen=True, slots=True)
class WatchStatistics:
    """How a watch is doing at this moment."""

    waiting: int
    """Events that wait for the program."""
    lags: bool
    """Whether every-tick updates are being folded, because the program is behind."""
    dropped: int
    """Updates that were dropped because they repeated what was seen, or came too late."""


class _AllEvents:
    """An iterator that leaves nothing behind when it is not read to its end, as a generator would."""

    def __init__(self, next_event: Callable[[], Awaitable[Event]]) -> None:
        self._next_event = next_event

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        return await self._next_event()


class Watch:
    """One stream of prices; an async context manager, and an async iterator of events.

    Inside `async with` the stream is open and `opened` says what it follows. It is read at once, whatever the program
    does meanwhile, into a bounded buffer (see EventBuffer). Events that were received are delivered before the end.

    A watch lasts as long as its stream: it does not come back by itself.

    * After a GoAway, which is an event, the iteration ends.
    * What the server refuses or ends with a reason raises its TickerError.
    * A broken connection, and an end without GoAway, raise WatchBroken; silence for longer than the server promised
      raises HeartbeatMissed. Both are `retryable`: open another watch. Its snapshots say where the prices are by
      then, and their tick numbers how much was missed.
    """

    def __init__(
        self,
        connection: Connection,
        request: wire.WatchStocksRequest,
        *,
        buffer_size: int,
        call_later: CallLater | None = None,
    ) -> None:
        self._connection = connection
        self._request = request
        disconnect = request.lag_policy == wire.LAG_POLICY_DISCONNECT
        policy = LagPolicy.DISCONNECT if disconnect else LagPolicy.CONFLATE
        self._buffer = EventBuffer(capacity=buffer_size, lag_policy=policy)
        self._intake = Intake(self._buffer, Continuity(every_tick=request.every_tick))
        self._call_later = call_later
        self._call: Call | None = None
        self._watchdog: Watchdog | None = None
        self._reader: asyncio.Task[None] | None = None
        self._ended = False
        self._failure: Exception | None = None
        self._is_open = asyncio.Event()
        self._is_ready = asyncio.Event()
        self._has_news = asyncio.Event()

    async def __aenter__(self) -> Self:
        """Open the stream and wait until the server has said what it follows. Raises the TickerError of a refusal."""
        if self._reader is not None:
            raise ClientMisused("WATCH_USED", "a watch lasts for one `async with`; ask the client for another one")
        stubs = await self._connection.connected()
        self._call = stubs.watches.WatchStocks(self._request, metadata=self._connection.metadata)
        loop = asyncio.get_running_loop()
        self._watchdog = Watchdog(self._call_later or loop.call_later, self._fail_for_silence)
        self._reader = loop.create_task(self._read(self._call, self._watchdog), name="ticker watch")
        try:
            await self._wait_until_open()
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the stream."""
        await self._close()

    @property
    def opened(self) -> Opened:
        """What the server said when it opened the watch: what it follows, and what it refused."""
        if self._intake.opened is None:
            raise ClientMisused("WATCH_NOT_OPEN", "this watch is not open; use it inside `async with`")
        return self._intake.opened

    async def ready(self) -> None:
        """Wait until the state of every stock has been received. Raises what ended the watch before that."""
        if self._reader is None:
            raise ClientMisused("WATCH_NOT_OPEN", "this watch is not open; use it inside `async with`")
        await self._is_ready.wait()
        if not self._intake.caught_up:
            raise self._failure or WatchBroken("it ended before it had caught up", reason="ENDED_EARLY")

    def statistics(self) -> WatchStatistics:
        """Return how the watch is doing at this moment."""
        return WatchStatistics(len(self._buffer), self._buffer.folding, self._intake.dropped)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        """Return the next event, without those of the stream itself: Opened and Heartbeat. See `all_events()`."""
        while True:
            event = await self._next()
            if not isinstance(event, Heartbeat | Opened):
                return event

    def all_events(self) -> AsyncIterator[Event]:
        """Iterate over all events, with Opened and Heartbeat; they are taken from the same buffer as the others."""
        return _AllEvents(self._next)

    async def _next(self) -> Event:
        if self._reader is None:
            raise ClientMisused("WATCH_NOT_OPEN", "this watch is not open; use it inside `async with`")
        while (event := self._buffer.take()) is None:
            if self._failure is not None:
                raise self._failure
            if self._ended:
                raise StopAsyncIteration
            self._has_news.clear()
            await self._has_news.wait()
        return event

    async def _wait_until_open(self) -> None:
        timeout = self._connection.timeout.total_seconds()
        try:
            async with asyncio.timeout(timeout):
                await self._is_open.wait()
        except TimeoutError:
            raise ServerUnreachable(
                f"the watch was not opened within {timeout:g} s", code="DEADLINE_EXCEEDED"
            ) from None
        if self._intake.opened is None:
            raise self._failure or WatchBroken("it ended before it was opened", reason="ENDED_EARLY")

    async def _close(self) -> None:
        self._end(None)
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.wait([self._reader])

    async def _read(self, call: Call, watchdog: Watchdog) -> None:
        """Read until the end, as the only task that does. A timeout around a read would cancel the whole call."""
        failure: Exception | None = None
        try:
            while isinstance(message := await call.read(), wire.WatchStocksResponse):
                self._take(message, watchdog)
            failure = self._plain_end()
        except grpc.aio.AioRpcError as error:
            failure = self._failure_of(error)
            failure.__cause__ = error
        except asyncio.CancelledError:
            if self._reader is not None and self._reader.cancelling():
                raise
            # It was the call that was cancelled, and not this task: the watchdog barked, or the client was closed.
            failure = self._connection.closing_failure()
        except Exception as error:  # noqa: BLE001 - whatever it is, the one who reads the watch must learn of it
            failure = error
        finally:
            self._end(failure)

    def _take(self, message: wire.WatchStocksResponse, watchdog: Watchdog) -> None:
        self._intake.take(message)
        if self._intake.next_within:
            watchdog.alive(self._intake.next_within)
        if self._intake.opened is not None:
            self._is_open.set()
        if self._intake.caught_up:
            self._is_ready.set()
        self._has_news.set()

    def _plain_end(self) -> TickerError | None:
        if self._intake.go_away is not None:
            return None
        return WatchBroken("the server ended the watch without a go_away", reason="ENDED_WITHOUT_GO_AWAY", code="OK")

    def _failure_of(self, error: grpc.aio.AioRpcError) -> TickerError:
        told = self._connection.failure_of(error)
        if self._intake.opened is not None and type(told) is ServerUnreachable:
            return WatchBroken(told.message, code=told.code)
        return told

    def _fail_for_silence(self, promised: timedelta) -> None:
        self._end(HeartbeatMissed(promised))

    def _end(self, failure: Exception | None) -> None:
        """End the watch, once: what comes first is the reason."""
        if self._ended:
            return
        self._ended, self._failure = True, failure
        if self._watchdog is not None:
            self._watchdog.stop()
        if self._call is not None:
            self._call.cancel()
        for event in (self._is_open, self._is_ready, self._has_news):
            event.set()
