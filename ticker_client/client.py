"""The client: everything a program needs to follow stocks and to publish prices."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

from ticker.v1 import watch_service_pb2 as wire

from ticker_client.calls.bars import BarCalls
from ticker_client.calls.prices import PriceCalls
from ticker_client.calls.stocks import StockCalls
from ticker_client.calls.subscriptions import SubscriptionCalls
from ticker_client.calls.users import UserCalls
from ticker_client.connection import WINDOW_BYTES, Connection
from ticker_client.errors import InvalidArgument
from ticker_client.events import LagPolicy
from ticker_client.instants import duration_of
from ticker_client.reconnection import Reconnect
from ticker_client.replay import ask_for_past
from ticker_client.resume import Resume
from ticker_client.watch import Watch

__all__ = ["TickerClient"]

_LAG_POLICIES = {
    None: wire.LAG_POLICY_UNSPECIFIED,
    LagPolicy.CONFLATE: wire.LAG_POLICY_CONFLATE,
    LagPolicy.DISCONNECT: wire.LAG_POLICY_DISCONNECT,
}


class TickerClient(StockCalls, UserCalls, SubscriptionCalls, PriceCalls, BarCalls):
    """A client of one server, for asyncio.

        async with TickerClient("localhost:50051", user_id="ana") as ticker:
            await ticker.add_stock("AAPL", frequency=timedelta(seconds=5))
            async with ticker.watch() as watch:
                async for event in watch:
                    print(event)

    It works in the event loop and in the process in which `async with` was entered; it cannot be carried over a fork.
    Making one does nothing yet, and neither does entering: it connects when it is first used. All calls raise a
    TickerError; ServerUnreachable when there is no answer.

    Args:
        target: `host:port` of the server.
        user_id: the user that is meant where a call names none.
        token: a bearer token; it is only sent over TLS, or to this machine.
        tls_ca: a PEM file with the certificates to trust. Without it the connection is in clear text.
        timeout: for the answer to one call.
        connect_timeout: for a connection, when there is none at the time of a call.
        window_bytes: how much of a watch may be on its way from the server. With the default prices are fresh behind a thin
            line too. A watch of very many ticks over a long way needs more: ticks a second x 90 bytes x round trip.

    Raises:
        ValueError: the target is not `host:port`, or a token would go out in clear text.
        OSError: `tls_ca` cannot be read.
    """

    def __init__(  # noqa: PLR0913 - what a client can be told, by name
        self,
        target: str,
        *,
        user_id: str | None = None,
        token: str | None = None,
        tls_ca: Path | None = None,
        timeout: timedelta = timedelta(seconds=10),
        connect_timeout: timedelta = timedelta(seconds=3),
        window_bytes: int = WINDOW_BYTES,
    ) -> None:
        connection = Connection(
            target,
            token=token,
            tls_ca=tls_ca,
            timeout=timeout,
            connect_timeout=connect_timeout,
            window_bytes=window_bytes,
        )
        super().__init__(connection, user_id)

    async def __aenter__(self) -> Self:
        """Make the channel in the running event loop."""
        self._connection.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the channel; watches and calls that are under way end with ClientMisused."""
        await self._connection.close()

    def watch(  # noqa: PLR0913 - what a watch can be asked for, by name
        self,
        *stock_ids: str,
        every_tick: bool = False,
        frequency: timedelta | None = None,
        lag_policy: LagPolicy | None = None,
        heartbeat: timedelta | None = None,
        buffer_size: int = 100_000,
        start_time: datetime | int | None = None,
        end_time: datetime | int | None = None,
        resume: Resume | None = None,
        reconnect: Reconnect | bool = True,
    ) -> Watch:
        """Return a watch, to be opened by `async with`; it comes back by itself when its stream breaks.

        Args:
            stock_ids: what to follow; `"*"` alone = all stocks; none = the saved stocks of the client's own user, each
                with its own cadence and window, which is why a cadence must not be given then.
            every_tick: deliver every tick.
            frequency: time between updates of a stock, 100 ms to 24 h; the default is 5 s.
            lag_policy: what happens when every-tick updates are taken too slowly, in the server and here alike; the
                default is CONFLATE.
            heartbeat: time between heartbeats, 1-60 s; the default is 5 s.
            buffer_size: how many every-tick updates may wait here, beyond the newest of each stock.
            start_time: begin in the past, with the ticks that were accepted from this instant on: they come as fast as
                they are taken, as REPLAY, and then it goes on live. A datetime with a zone, or nanoseconds since the
                epoch. Only with `stock_ids` and `every_tick`.
            end_time: where a replay ends, as `start_time`: ticks that were accepted at this instant or later are not
                delivered, and after the GoAway REPLAY_COMPLETE the iteration ends. The default is not to end.
            resume: where to go on, as `watch.resume` of an earlier watch said; what it says of stocks that this watch
                does not follow does not count. The default is to begin with the newest price of each stock. It comes
                before `start_time`: a program that restarts gives both. Where it does not say all of it, because a
                stock has no position or there is an `end_time`, the watch begins at `start_time` again, and what was
                seen is left out.
            reconnect: whether, and by which pauses, the watch comes back; False = it ends with its stream.

        Raises:
            InvalidArgument: what was asked for does not go together.
            ValueError: a time has no zone.
        """
        request = self._request_of(stock_ids, frequency, every_tick=every_tick)
        request.lag_policy = _LAG_POLICIES[lag_policy]
        ask_for_past(request, start_time, end_time)
        if heartbeat is not None:
            request.heartbeat_interval.CopyFrom(duration_of(heartbeat))
        if reconnect is True:
            reconnect = Reconnect()
        return Watch(self._connection, request, buffer_size=buffer_size, resume=resume, reconnect=reconnect or None)

    def _request_of(
        self, stock_ids: Sequence[str], frequency: timedelta | None, *, every_tick: bool
    ) -> wire.WatchStocksRequest:
        if every_tick and frequency is not None:
            raise InvalidArgument("INVALID_CADENCE", "every_tick and frequency exclude each other")
        request = wire.WatchStocksRequest(stock_ids=stock_ids)
        if not stock_ids and (user := self._user(None)):
            request.user_ids.append(user)
        if every_tick:
            request.every_tick = True
        elif frequency is not None:
            request.frequency.CopyFrom(duration_of(frequency))
        return request
