"""A listener of the frames transport that serves the interoperability service."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import grpc

from tests.support.interop.service import METHODS
from tests.support.interop.waiter import Waiter
from ticker_server.api.transport.endpoint import Tls
from ticker_server.api.transport.frames.listener import Listener
from ticker_server.api.transport.frames.tls import server_context

__all__ = ["InteropServer", "running_interop_server"]


@dataclass(frozen=True, slots=True)
class InteropServer:
    """Where it listens, the certificate that it shows (None = plain text), and its handler that waits."""

    port: int
    certificate: Path | None
    waiter: Waiter = field(repr=False)

    @property
    def target(self) -> str:
        """Return its address, as gRPC takes it."""
        return f"localhost:{self.port}"

    @property
    def credentials(self) -> grpc.ChannelCredentials | None:
        """Return what a client needs to trust it; None for plain text."""
        if self.certificate is None:
            return None
        return grpc.ssl_channel_credentials(self.certificate.read_bytes())


@asynccontextmanager
async def running_interop_server(pems: Path | None = None) -> AsyncIterator[InteropServer]:
    """Run a listener, over TLS with the certificate of this folder if one is given."""
    waiter = Waiter()
    listener = Listener({**METHODS, **waiter.methods})
    certificate, context = None, None
    if pems is not None:
        certificate = pems / "cert.pem"
        context = server_context(Tls(certificate.read_bytes(), (pems / "key.pem").read_bytes()))
    port = await listener.start(tls=context)
    try:
        yield InteropServer(port, certificate, waiter)
    finally:
        await listener.stop(grace=0.0)
