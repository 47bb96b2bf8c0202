"""The connection to a server: one channel, made in the running event loop, and the rules of its use."""

from __future__ import annotations

import asyncio
import ipaddress
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import grpc
from ticker.v1.price_service_pb2_grpc import PriceServiceStub
from ticker.v1.stock_service_pb2_grpc import StockServiceStub
from ticker.v1.subscription_service_pb2_grpc import SubscriptionServiceStub
from ticker.v1.user_service_pb2_grpc import UserServiceStub
from ticker.v1.watch_service_pb2_grpc import WatchServiceStub

from ticker_client.errors import ClientMisused, ServerUnreachable, TickerError, from_rpc_error

__all__ = ["WINDOW_BYTES", "Connection", "Line", "Stubs", "channel_options"]

WINDOW_BYTES = 16_384
"""So many bytes of a stream may be on their way. Behind 64 kbit/s they are 2 s old when they arrive; 65,536 would be 8 s."""

CHANNEL_OPTIONS: tuple[tuple[str, int], ...] = (
    # A small window is one that stays small: with the defaults 5 MB of old prices wait in the buffers of a slow reader.
    ("grpc.http2.bdp_probe", 0),
    # By default a client never notices that the network is gone, and waits a minute for the answer to a ping.
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.ping_timeout_ms", 10_000),
    ("grpc.http2.max_pings_without_data", 0),
    # By default the pause between two attempts to connect grows to 2 minutes.
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    # A client of its own connection: otherwise all clients of a process share one, and land on one server.
    ("grpc.use_local_subchannel_pool", 1),
)


def channel_options(window_bytes: int = WINDOW_BYTES) -> tuple[tuple[str, int], ...]:
    """Return the options of a channel whose streams have windows of so many bytes."""
    return (*CHANNEL_OPTIONS, ("grpc.http2.lookahead_bytes", window_bytes))


_Request = TypeVar("_Request")
_Response = TypeVar("_Response")


@dataclass(frozen=True, slots=True)
class Stubs:
    """The generated stubs of all services on one channel."""

    stocks: StockServiceStub
    users: UserServiceStub
    subscriptions: SubscriptionServiceStub
    prices: PriceServiceStub
    watches: WatchServiceStub


@dataclass(slots=True, eq=False)
class Line:
    """One channel with the stubs on it."""

    channel: grpc.aio.Channel
    stubs: Stubs
    holders: int = 0
    """How many calls are under way on it."""


class Connection:
    """One channel at a time. It belongs to the event loop and to the process in which it was opened.

    A channel that hangs is replaced by a fresh one: what is under way on the old one goes on there, and the last to
    leave it closes it.

    Args:
        target: `host:port`.
        token: a bearer token, sent with each call; only over TLS or to this machine.
        tls_ca: a PEM file with the certificates to trust; without it the connection is in clear text.
        timeout: for one call.
        connect_timeout: for the connection, when there is none at the time of a call.
        window_bytes: how much of a stream may be on its way.
        getpid: tells the process, so that a fork can be noticed.
    """

    def __init__(  # noqa: PLR0913 - what a client can be told, by name
        self,
        target: str,
        *,
        token: str | None,
        tls_ca: Path | None,
        timeout: timedelta,
        connect_timeout: timedelta,
        window_bytes: int = WINDOW_BYTES,
        getpid: Callable[[], int] = os.getpid,
    ) -> None:
        host = _host_of(target)
        if token is not None and tls_ca is None and not _is_this_machine(host):
            raise ValueError(f"a token must not go to {host} in clear text; give tls_ca")
        self.target = target
        self.metadata = (("authorization", f"Bearer {token}"),) if token is not None else ()
        self._certificates = tls_ca.read_bytes() if tls_ca is not None else None
        self.timeout = timeout
        self._connect_timeout = connect_timeout
        self._options = channel_options(window_bytes)
        self._getpid = getpid
        self._pid = 0
        self._was_connected = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._line: Line | None = None
        self._old_lines: set[Line] = set()

    def open(self) -> None:
        """Make the channel in the running event loop; it connects when it is first used."""
        if self._line is not None:
            raise ClientMisused("CLIENT_OPEN", "this client is in use already; make another one")
        self._pid, self._loop = self._getpid(), asyncio.get_running_loop()
        self._line = self._new_line()

    async def close(self) -> None:
        """Close the channel; what is under way on it is cancelled."""
        lines, self._line = [*self._old_lines, *filter(None, [self._line])], None
        self._old_lines.clear()
        for line in lines:
            await line.channel.close()

    def replace(self, line: Line) -> None:
        """Let new calls have a fresh channel, because this one hangs; only the first one to say so is heard."""
        if line is self._line:
            self._old_lines.add(line)
            self._line = self._new_line()

    @asynccontextmanager
    async def line(self) -> AsyncIterator[Line]:
        """Hold the channel for the time of a call, once it is connected.

        Raises:
            ServerUnreachable: there is no connection within the connect timeout; the next one to ask gets a fresh
                channel.
            ClientMisused: the client is not open, or was opened elsewhere.
        """
        line = self._open_line()
        line.holders += 1
        try:
            await self._connect(line)
            yield line
        finally:
            line.holders -= 1
            if not line.holders and line in self._old_lines:
                self._old_lines.remove(line)
                await line.channel.close()

    async def ask(
        self, method: Callable[[Stubs], grpc.aio.UnaryUnaryMultiCallable[_Request, _Response]], request: _Request
    ) -> _Response:
        """Make one call and return its answer. Raises the TickerError that a status stands for."""
        async with self.line() as line:
            call = method(line.stubs)(request, timeout=self.timeout.total_seconds(), metadata=self.metadata)
            try:
                return await call
            except grpc.aio.AioRpcError as error:
                raise self.failure_of(error) from error
            except asyncio.CancelledError:
                if (failure := self.closing_failure()) is not None:
                    raise failure from None
                raise

    def failure_of(self, error: grpc.aio.AioRpcError) -> TickerError:
        """Return the error that a status stands for; NOT_CONNECTED as long as there never was a connection."""
        told = from_rpc_error(error)
        if self._was_connected or not isinstance(told, ServerUnreachable) or told.code != "UNAVAILABLE":
            return told
        return self._not_connected(told.message)

    def _not_connected(self, why: str) -> ServerUnreachable:
        reason = "SERVER_UNREACHABLE" if self._was_connected else "NOT_CONNECTED"
        return ServerUnreachable(f"no connection to {self.target}: {why}", reason=reason)

    def closing_failure(self) -> ClientMisused | None:
        """Return the error of a call that was cancelled by closing the channel; None if it was the caller's task."""
        task = asyncio.current_task()
        if self._line is not None or (task is not None and task.cancelling()):
            return None
        return _closed()

    def _new_line(self) -> Line:
        if self._certificates is None:
            channel = grpc.aio.insecure_channel(self.target, options=self._options)
        else:
            credentials = grpc.ssl_channel_credentials(root_certificates=self._certificates)
            channel = grpc.aio.secure_channel(self.target, credentials, options=self._options)
        stubs = Stubs(
            StockServiceStub(channel),
            UserServiceStub(channel),
            SubscriptionServiceStub(channel),
            PriceServiceStub(channel),
            WatchServiceStub(channel),
        )
        return Line(channel, stubs)

    def _open_line(self) -> Line:
        """Return the line for a new call. Raises ClientMisused where it would not work."""
        if self._line is None:
            raise ClientMisused("CLIENT_CLOSED", "this client is not open; use it inside `async with`")
        if self._getpid() != self._pid:
            raise ClientMisused(
                "CLIENT_FORKED",
                "this process was forked while the client was open, and gRPC does not survive that; make the client in "
                "the new process, or start processes by spawn or forkserver",
            )
        if asyncio.get_running_loop() is not self._loop:
            raise ClientMisused("CLIENT_OTHER_LOOP", "this client was opened in another event loop; make one in this")
        return self._line

    async def _connect(self, line: Line) -> None:
        now = asyncio.get_running_loop().time
        deadline, pause = now() + self._connect_timeout.total_seconds(), 0.001
        # Looked at again and again, because gRPC's own wait for a change of state cannot be given up: it goes on behind
        # our back, and keeps a channel alive that was closed long ago.
        while (state := line.channel.get_state(try_to_connect=True)) is not grpc.ChannelConnectivity.READY:
            if now() >= deadline:
                break
            await asyncio.sleep(pause)
            pause = min(2 * pause, 0.05)
            if line is not self._line and line not in self._old_lines:
                raise _closed()
        if state is grpc.ChannelConnectivity.READY:
            self._was_connected = True
        elif state is not grpc.ChannelConnectivity.TRANSIENT_FAILURE:
            # Another connection may end up at another server, one that answers.
            self.replace(line)
            raise self._not_connected(f"no answer within {self._connect_timeout.total_seconds():g} s")
        # In TRANSIENT_FAILURE the call itself fails at once and says why (such as "connection refused").


def _closed() -> ClientMisused:
    return ClientMisused("CLIENT_CLOSED", "the client was closed while this was under way")


def _host_of(target: str) -> str:
    host, colon, port = target.rpartition(":")
    if not (host and colon and port.isdecimal() and 0 < int(port) < 65536):
        raise ValueError(f"target {target!r} is not host:port, such as localhost:50051 or [::1]:50051")
    return host.removeprefix("[").removesuffix("]")


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
