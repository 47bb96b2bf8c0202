"""One stream of a watch: a call, read from its opening to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import grpc
from ticker.v1 import watch_service_pb2 as wire

from ticker_client.connection import Connection, Line
from ticker_client.errors import HeartbeatMissed, ServerUnreachable, TickerError, WatchBroken
from ticker_client.intake import Intake
from ticker_client.watchdog import CallLater, Watchdog

__all__ = ["News", "Stream"]

News = Callable[[], Awaitable[None] | None]
"""Called after a message was taken. What it returns is waited for before the next one is read."""

Call = grpc.aio.UnaryStreamCall[wire.WatchStocksRequest, wire.WatchStocksResponse]


class Stream:
    """Reads one stream into the intake of its watch, watched over for silence.

    Args:
        connection: where the call is made.
        intake: takes the messages.
        news: called after each message was taken; may let a replay wait for the program.
        call_later: the timers.
    """

    def __init__(self, connection: Connection, intake: Intake, news: News, call_later: CallLater | None = None) -> None:
        self._connection = connection
        self._intake = intake
        self._news = news
        self._call_later = call_later
        self._verdict: TickerError | None = None

    async def run(self, request: wire.WatchStocksRequest) -> None:
        """Read the stream to its planned end, after a `go_away`.

        Raises:
            TickerError: it ended otherwise. After silence, new calls get a fresh channel.
        """
        async with self._connection.line() as line:
            call = line.stubs.watches.WatchStocks(request, metadata=self._connection.metadata)
            call_later = self._call_later or asyncio.get_running_loop().call_later
            watchdog = Watchdog(call_later, lambda promise: self._give_up(line, call, HeartbeatMissed(promise)))
            timeout = self._connection.timeout.total_seconds()
            opening = call_later(timeout, lambda: self._give_up(line, call, _not_opened(timeout)))
            try:
                # Read by one task alone, without a timeout: one around a read would cancel the whole call.
                while isinstance(message := await call.read(), wire.WatchStocksResponse):
                    self._intake.take(message)
                    if self._intake.is_open:
                        opening.cancel()
                    if self._intake.next_within:
                        watchdog.alive(self._intake.next_within)
                    room = self._news()
                    if room is not None:
                        watchdog.stop()  # what is not read is no silence
                        await room
                        watchdog.alive(self._intake.next_within)
            except grpc.aio.AioRpcError as error:
                raise self._failure_of(error) from error
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if task is not None and task.cancelling():
                    raise
                raise self._cancelled() from None
            finally:
                opening.cancel()
                watchdog.stop()
                call.cancel()
        if self._intake.go_away is None:
            what = "the server ended the watch without a go_away"
            raise WatchBroken(what, reason="ENDED_WITHOUT_GO_AWAY", code="OK")

    def _give_up(self, line: Line, call: Call, why: TickerError) -> None:
        self._verdict = self._verdict or why
        self._connection.replace(line)
        call.cancel()

    def _cancelled(self) -> TickerError:
        """Return why the call was cancelled, and not this task: by us, by closing the client, or by the other side."""
        told = self._verdict or self._connection.closing_failure()
        return told or self._broken("the other side cancelled the stream", "CANCELLED")

    def _failure_of(self, error: grpc.aio.AioRpcError) -> TickerError:
        told = self._connection.failure_of(error)
        return (
            self._broken(told.message, told.code) if type(told) is ServerUnreachable and self._intake.is_open else told
        )

    def _broken(self, message: str, code: str) -> ServerUnreachable:
        return WatchBroken(message, code=code) if self._intake.is_open else ServerUnreachable(message, code=code)


def _not_opened(timeout: float) -> ServerUnreachable:
    return ServerUnreachable(f"the watch was not opened within {timeout:g} s", code="DEADLINE_EXCEEDED")
