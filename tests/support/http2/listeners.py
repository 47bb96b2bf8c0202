"""Listeners of the transport of ready frames for tests: on a free port, or without sockets."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import cast

from tests.support.http2.memory_link import AnyClient, MemoryLink
from tests.support.http2.memory_transport import MemorySocket
from tests.support.http2.push_methods import Pushes
from tests.support.virtual_clock import VirtualClock
from ticker_server.api.transport.frames.connection import Connection
from ticker_server.api.transport.frames.dispatch import Dispatcher
from ticker_server.api.transport.frames.limits import Allowance, Limits
from ticker_server.api.transport.frames.listener import Listener
from ticker_server.api.transport.frames.turn import Turn
from ticker_server.clock import Clock

__all__ = ["GENEROUS", "memory_link", "running_listener"]

_AMPLE = Allowance(1_000_000, 1_000_000)

GENEROUS = replace(
    Limits(),
    resets=_AMPLE,
    settings=_AMPLE,
    stream_errors=_AMPLE,
    max_ping_strikes=1_000_000,
)
"""For peers that change their mind more often than any good one, and are no abusers."""


def memory_link(
    pushes: Pushes,
    client: AnyClient,
    limits: Limits = GENEROUS,
    clock: Clock | None = None,
    *,
    direct: bool = False,
) -> MemoryLink[AnyClient]:
    """Return a connection without sockets; its time stands still unless the clock is moved.

    Where it is direct, the connection has something like a socket, to write to it itself.
    """
    time = clock or VirtualClock()
    take = Dispatcher(pushes.methods, time).take
    turn = Turn(asyncio.get_running_loop())
    connection = Connection(limits, turn, lambda: time.monotonic() / 1e9, take, lambda _: None)
    link = MemoryLink(connection, client)
    if direct:
        connection.write_to(cast("socket.socket", MemorySocket(link.transport)))
    return link


@asynccontextmanager
async def running_listener(
    pushes: Pushes,
    limits: Limits = Limits(),  # noqa: B008 - frozen
    clock: Clock | None = None,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[tuple[Listener, int]]:
    """Run a listener on a free port until the end of the block; fails if anything fell into the event loop meanwhile."""
    errors: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(repr(context)))
    listener = Listener(pushes.methods, limits, clock)
    port = await listener.start(tls=tls)
    try:
        yield listener, port
    finally:
        await listener.stop(0)
    assert not errors
