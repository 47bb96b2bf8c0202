"""A watch: prices as they come, in an `async for`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from ticker.v1 import watch_service_pb2 as wire

from ticker_client.bookmark import Bookmark
from ticker_client.buffer import EventBuffer
from ticker_client.connection import Connection
from ticker_client.continuity import Continuity
from ticker_client.errors import ClientMisused, WatchBroken
from ticker_client.events import Event, Heartbeat, LagPolicy, Opened
from ticker_client.intake import Intake
from ticker_client.reconnection import Reconnect
from ticker_client.replay import Replay
from ticker_client.resume import Resume
from ticker_client.streams import Streams
from ticker_client.watchdog import CallLater

__all__ = ["Watch", "WatchStatistics"]


@dataclass(frozen=True, slots=True)
class WatchStatistics:
    """How a watch is doing at this moment."""

    waiting: int
    """Events that wait for the program."""
    lags: bool
    """Whether every-tick updates are being folded, because the program is behind."""
    dropped: int
    """Updates that were dropped because they repeated what was seen, or came too late."""
    live: bool
    """Whether there is a stream that has caught up."""
    reconnects: int
    """How often the watch has come back."""


class _AllEvents:
    """An iterator that leaves nothing behind when it is not read to its end, as a generator would."""

    def __init__(self, next_event: Callable[[], Awaitable[Event]]) -> None:
        self._next_event = next_event

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        return await self._next_event()


class Watch:
    """Prices as they come; an async context manager, and an async iterator of events.

    Inside `async with` the stream is open and `opened` says what it follows. It is read at once, whatever the program
    does meanwhile, into a bounded buffer (see EventBuffer). Events that were received are delivered before the end.
    Ticks of the past are no older if they wait in the server: they are read no faster than the program takes them,
    unless it waits in `ready()`.

    A watch comes back by itself. When its stream breaks, is silent for longer than the server promised, or ends after
    a GoAway, it opens another one after a random pause, and goes on where it stood:

    * Disconnected or GoAway say that no prices come for now, and Reconnected that the watch is live again. In between
      come the ticks that were missed (with a frequency, the newest price, which counts the others as superseded), and
      a Gap for what cannot be had any longer. Nothing comes twice.
    * What waiting does not help raises its TickerError: refused credentials, a stock or user that does not exist, bad
      input, ReaderTooSlow. So does anything that happens before the watch was first opened.
    * A replay that breaks goes on in the same way, until each tick from its start on has come once. One that has an end
      ends the iteration there.

    Without `reconnect` it lasts as long as its stream: after a GoAway the iteration ends, a break raises WatchBroken
    or HeartbeatMissed. Either way `resume` says where the program stands, for a later watch to go on from.
    """

    def __init__(
        self,
        connection: Connection,
        request: wire.WatchStocksRequest,
        *,
        buffer_size: int,
        resume: Resume | None = None,
        reconnect: Reconnect | None = None,
        call_later: CallLater | None = None,
    ) -> None:
        disconnect = request.lag_policy == wire.LAG_POLICY_DISCONNECT
        policy = LagPolicy.DISCONNECT if disconnect else LagPolicy.CONFLATE
        resume = (resume or Resume()).among(request.stock_ids)
        replay = Replay(request, resume.stock_ids()) if request.HasField("start_time") else None
        self._buffer = EventBuffer(capacity=buffer_size, lag_policy=policy)
        self._intake = Intake(self._buffer, Continuity(every_tick=request.every_tick), resume, replay)
        self._bookmark = Bookmark(resume)
        self._streams = Streams(
            connection, request, self._intake, self._take_note, reconnect=reconnect, call_later=call_later
        )
        self._reader: asyncio.Task[None] | None = None
        self._ended = False
        self._failure: Exception | None = None
        self._is_open = asyncio.Event()
        self._is_ready = asyncio.Event()
        self._has_news = asyncio.Event()
        self._has_room = asyncio.Event()

    async def __aenter__(self) -> Self:
        """Open the stream and wait until the server has said what it follows. Raises the TickerError of a refusal."""
        if self._reader is not None:
            raise ClientMisused("WATCH_USED", "a watch lasts for one `async with`; ask the client for another one")
        self._reader = asyncio.create_task(self._run(), name="ticker watch")
        try:
            await self._is_open.wait()
        except BaseException:
            await self._close()
            raise
        if self._intake.opened is None:
            await self._close()
            raise self._failure or WatchBroken("it ended before it was opened", reason="ENDED_EARLY")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the stream."""
        await self._close()

    @property
    def opened(self) -> Opened:
        """What the server said when it opened the newest stream: what it follows, and what it refused."""
        if self._intake.opened is None:
            raise ClientMisused("WATCH_NOT_OPEN", "this watch is not open; use it inside `async with`")
        return self._intake.opened

    @property
    def resume(self) -> Resume:
        """Where the program stands, by the events that it has taken; `client.watch(resume=...)` goes on from there."""
        return self._bookmark.resume()

    async def ready(self) -> None:
        """Wait until the state of every stock has been received once. Raises what ended the watch before that."""
        if self._reader is None:
            raise ClientMisused("WATCH_NOT_OPEN", "this watch is not open; use it inside `async with`")
        self._buffer.hurried += 1
        self._has_room.set()
        try:
            await self._is_ready.wait()
        finally:
            self._buffer.hurried -= 1
        if not self._streams.was_live:
            raise self._failure or WatchBroken("it ended before it had caught up", reason="ENDED_EARLY")

    def statistics(self) -> WatchStatistics:
        """Return how the watch is doing at this moment."""
        return WatchStatistics(
            waiting=len(self._buffer),
            lags=self._buffer.folding,
            dropped=self._intake.dropped,
            live=self._streams.live,
            reconnects=self._streams.reconnects,
        )

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
        self._bookmark.take(event)
        self._has_room.set()
        return event

    async def _close(self) -> None:
        self._end(None)
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.wait([self._reader])

    async def _run(self) -> None:
        """Follow stream after stream, as the only task that does."""
        failure: Exception | None = None
        try:
            await self._streams.follow()
        except Exception as error:  # noqa: BLE001 - whatever it is, the one who reads the watch must learn of it
            failure = error
        finally:
            self._end(failure)

    def _take_note(self) -> Awaitable[None] | None:
        """Take note of what has come; return what to wait for before there is more."""
        if self._intake.is_open:
            self._is_open.set()
        if self._streams.was_live:
            self._is_ready.set()
        self._has_news.set()
        return self._make_room() if self._buffer.holds_up_the_past else None

    async def _make_room(self) -> None:
        """Let the past wait until the program has taken some of it; a program in `ready()` takes nothing."""
        while self._buffer.holds_up_the_past:
            self._has_room.clear()
            await self._has_room.wait()

    def _end(self, failure: Exception | None) -> None:
        """End the watch, once: what comes first is the reason."""
        if self._ended:
            return
        self._ended, self._failure = True, failure
        for event in (self._is_open, self._is_ready, self._has_news):
            event.set()
