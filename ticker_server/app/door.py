"""The door of a gateway: a server that listens where the settings say."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable

from ticker_server.api.transport.endpoint import Endpoint, Server, Tls
from ticker_server.api.transport.services import Services
from ticker_server.app.errors import AddressUnusable
from ticker_server.clock import Clock
from ticker_server.settings import Settings, Transport

__all__ = ["open_door"]


async def open_door(services: Services, settings: Settings, clock: Clock) -> tuple[Server, int]:
    """Return a server that listens, and its port. Its health says NOT_SERVING until it is told otherwise.

    Raises:
        AddressUnusable: The address is taken or cannot be bound.
    """
    endpoint = Endpoint(
        host=settings.host, port=settings.port, tls=await _read_tls(settings), reflection=settings.reflection
    )
    server = _server(settings.transport)(services, endpoint, clock)
    try:
        return server, await server.start()
    except OSError as error:
        reason = "is in use by another process" if error.errno == errno.EADDRINUSE else "cannot be listened on"
        raise AddressUnusable(
            f"address {settings.host}:{settings.port} {reason}; give another one with --host and --port"
        ) from error


def _server(transport: Transport) -> Callable[[Services, Endpoint, Clock], Server]:
    """Return the class of the transport. Only its own modules are loaded: grpc alone has 12 MB."""
    if transport is Transport.FRAMES:
        from ticker_server.api.transport.frames.server import FramesServer  # noqa: PLC0415

        return FramesServer
    from ticker_server.api.transport.grpcio.server import GrpcServer  # noqa: PLC0415

    return GrpcServer


async def _read_tls(settings: Settings) -> Tls | None:
    if settings.tls_cert is None or settings.tls_key is None:
        return None
    client_ca = settings.tls_client_ca
    return Tls(
        await asyncio.to_thread(settings.tls_cert.read_bytes),
        await asyncio.to_thread(settings.tls_key.read_bytes),
        await asyncio.to_thread(client_ca.read_bytes) if client_ca is not None else None,
    )
