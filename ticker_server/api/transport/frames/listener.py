"""The listener: accepts connections, looks after them, and drains them."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import ssl
import sys
from typing import Any

import structlog

from ticker_server.api.transport.frames.connection import Connection
from ticker_server.api.transport.frames.dispatch import Dispatcher
from ticker_server.api.transport.frames.limits import Limits
from ticker_server.api.transport.frames.methods import Methods
from ticker_server.api.transport.frames.turn import Turn
from ticker_server.clock import Clock, SystemClock

__all__ = ["Listener"]

_BACKLOG = 1024
_PARTS = 4
"""Connections are looked at in so many parts, one a time."""
_SLICE = 500
_TCP_NOTSENT_LOWAT = 25
"""Of Linux; the library names it from Python 3.12 on."""
_NO_FAMILY = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}
"""What an address of IPv6 is where the machine, or its container, has none."""
_OUT_OF_RESOURCES = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
_LAST_SECONDS = 0.2
"""So long those who watch health have to hear that it ends."""
_ACCEPT_AGAIN_SECONDS = 1.0

_log = structlog.get_logger(__name__)


class Listener:
    """Serves methods on a port: `start`, then `stop`; not to be started again."""

    def __init__(self, methods: Methods, limits: Limits | None = None, clock: Clock | None = None) -> None:
        self._limits = limits or Limits()
        self._dispatcher = Dispatcher(methods, clock or SystemClock())
        self._sockets: list[socket.socket] = []
        self._connections: tuple[set[Connection], ...] = tuple(set() for _ in range(_PARTS))
        self._adopting: set[asyncio.Task[None]] = set()
        self._accepted = 0
        self._all_gone = asyncio.Event()
        self._all_gone.set()
        self._tls: ssl.SSLContext | None = None
        self._turn: Turn | None = None
        self._looking: asyncio.Task[None] | None = None
        self._is_stopped = False

    @property
    def connections(self) -> list[Connection]:
        """The connections that are open."""
        return [connection for part in self._connections for connection in part]

    async def start(self, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None) -> int:
        """Listen on all addresses of a host and return the port.

        Raises:
            OSError: An address cannot be listened on; EADDRINUSE if another process listens there.
        """
        loop = asyncio.get_running_loop()
        self._tls = tls
        self._turn = Turn(loop)
        addresses = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        try:
            # That of IPv6 last: where the machine has none, the others do.
            for family, _, _, _, address in sorted(dict.fromkeys(addresses), key=_is_ipv6):
                # With any free port, all addresses get the same one.
                try:
                    port = self._listen(family, (address[0], port, *address[2:]))
                except OSError as error:
                    if not (self._sockets and family == socket.AF_INET6 and error.errno in _NO_FAMILY):
                        raise
        except OSError:
            self._close_sockets()
            raise
        for listening in self._sockets:
            loop.add_reader(listening, self._accept, listening)
        self._looking = loop.create_task(self._look_after())
        return port

    async def stop(self, grace: float) -> None:
        """Refuse new connections and streams, give those that run so many seconds to end, then end them."""
        self._close_sockets()
        if self._is_stopped:
            return
        self._is_stopped = True
        await asyncio.sleep(0)  # a task that is cancelled before it has begun lets go of nothing
        for task in list(self._adopting):
            task.cancel()
        for connection in self.connections:
            connection.drain()
        await self._gone_within(min(grace, _LAST_SECONDS))
        self._dispatcher.end_unawaited()
        # A peer that has answered the PING has seen what was written before it, and opens no more streams.
        await self._gone_within(min(grace, self._limits.goaway_ack_seconds))
        for connection in self.connections:
            connection.say_last()
        await self._gone_within(max(0.0, grace - self._limits.goaway_ack_seconds))
        for connection in self.connections:
            connection.stop()
        self._dispatcher.cancel()
        await self._gone_within(self._limits.close_seconds)
        for connection in self.connections:
            connection.abort()
        await self._gone_within(self._limits.close_seconds)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._limits.close_seconds):
                await self._dispatcher.idle()
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait([self._looking, *self._adopting])

    def _listen(self, family: int, address: tuple[str | int, ...]) -> int:
        listening = socket.socket(family, socket.SOCK_STREAM)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listening.setblocking(False)
            listening.bind(address)
            listening.listen(_BACKLOG)
        except OSError:
            listening.close()
            raise
        self._sockets.append(listening)
        port: int = listening.getsockname()[1]
        return port

    def _accept(self, listening: socket.socket) -> None:
        """Accept some connections; the rest has its turn after others of the loop had theirs."""
        for _ in range(self._limits.accepts_per_turn):
            try:
                accepted, _address = listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in _OUT_OF_RESOURCES:
                    raise
                self._rest_from_accepting(listening, error)
                return
            if self._accepted >= self._limits.max_connections:
                accepted.close()
                continue
            self._count(1)
            task = asyncio.get_running_loop().create_task(self._adopt(accepted))
            self._adopting.add(task)
            task.add_done_callback(self._adopting.discard)

    async def _adopt(self, accepted: socket.socket) -> None:
        """Make a connection of a socket, TLS handshake included."""
        limits = self._limits
        assert self._turn is not None
        loop = asyncio.get_running_loop()
        connection = Connection(limits, self._turn, loop.time, self._dispatcher.take, self._forget)
        min(self._connections, key=len).add(connection)
        if self._tls is None:
            connection.write_to(accepted)
        try:
            _set_options(accepted, limits)
            await loop.connect_accepted_socket(
                lambda: connection,
                accepted,
                ssl=self._tls,
                ssl_handshake_timeout=limits.handshake_seconds if self._tls is not None else None,
            )
        except (OSError, TimeoutError) as error:
            _log.debug("a connection was not made", error=repr(error))
            self._forget(connection)
        except BaseException:
            self._forget(connection)
            raise

    def _forget(self, connection: Connection) -> None:
        for part in self._connections:
            if connection in part:
                part.remove(connection)
                self._count(-1)

    async def _look_after(self) -> None:
        """Look at all connections in turn, for ever."""
        while True:
            for part in self._connections:
                await asyncio.sleep(self._limits.look_seconds)
                for number, connection in enumerate(list(part), 1):
                    connection.look()
                    if not number % _SLICE:
                        await asyncio.sleep(0)

    async def _gone_within(self, seconds: float) -> None:
        """Wait until no connection is left, at most so long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._all_gone.wait()

    def _rest_from_accepting(self, listening: socket.socket, error: OSError) -> None:
        """Accept nothing for a while: there is no room for another socket."""
        _log.warning("no connection can be accepted for now", error=error.strerror)
        loop = asyncio.get_running_loop()
        loop.remove_reader(listening)
        loop.call_later(_ACCEPT_AGAIN_SECONDS, self._accept_again, listening)

    def _accept_again(self, listening: socket.socket) -> None:
        if listening in self._sockets:
            asyncio.get_running_loop().add_reader(listening, self._accept, listening)

    def _close_sockets(self) -> None:
        for listening in self._sockets:
            asyncio.get_running_loop().remove_reader(listening)
            listening.close()
        self._sockets.clear()

    def _count(self, change: int) -> None:
        self._accepted += change
        if self._accepted:
            self._all_gone.clear()
        else:
            self._all_gone.set()


def _is_ipv6(address: tuple[Any, ...]) -> bool:
    return bool(address[0] == socket.AF_INET6)


def _set_options(accepted: socket.socket, limits: Limits) -> None:
    accepted.setblocking(False)
    accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if sys.platform == "linux":
        accepted.setsockopt(socket.IPPROTO_TCP, _TCP_NOTSENT_LOWAT, limits.not_sent_low)
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(limits.tcp_user_timeout * 1000))
