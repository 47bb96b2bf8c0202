"""Where a server listens, and what it is to whoever starts and stops it."""

from __future__ import annotations

import asyncio
import errno
import socket
from dataclasses import dataclass, field
from typing import Protocol

__all__ = ["Endpoint", "Server", "Tls", "refuse_taken"]


@dataclass(frozen=True, slots=True)
class Tls:
    """What a secure port needs, in PEM. With a client CA, clients must show a certificate of it."""

    certificate: bytes
    key: bytes = field(repr=False)
    client_ca: bytes | None = None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the server listens, and what it offers there. Port 0 is any free port."""

    host: str = "127.0.0.1"
    port: int = 0
    tls: Tls | None = None
    reflection: bool = True
    max_streams: int = 10_000
    """So many watches may be open at once in this process."""


class Server(Protocol):
    """A server of any transport: `start`, then `set_serving(serving=True)`; `set_serving(serving=False)`, then `stop`."""

    @property
    def unread_streams(self) -> int:
        """How many streams were ended and wait for readers that do not read."""

    async def start(self) -> int:
        """Listen and return the bound port. Health says NOT_SERVING until `set_serving(serving=True)`.

        Raises:
            OSError: The address cannot be listened on; EADDRINUSE if another process listens there.
        """

    async def set_serving(self, *, serving: bool) -> None:
        """Tell through health whether this process serves. While it does not, new watches are refused as draining."""

    async def stop(self, grace: float) -> None:
        """Refuse new connections and calls, give those that run so many seconds to end, then cut them."""


async def refuse_taken(endpoint: Endpoint) -> None:
    """Raise EADDRINUSE if any address of the host is taken on this port.

    A host name may have several addresses, and a server that could bind only one of them would look alive to some of
    its clients alone.
    """
    if not endpoint.port:
        return
    addresses = await asyncio.get_running_loop().getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_STREAM)
    for family, kind, protocol, _, address in addresses:
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(address)
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    raise OSError(errno.EADDRINUSE, f"{endpoint.host}:{endpoint.port} is in use") from error
