"""Where a server listens."""

from __future__ import annotations

import errno
import socket

import pytest

from ticker_server.api.transport.endpoint import Endpoint, Tls, refuse_taken


async def test_taken_port_is_refused() -> None:
    """A port on which somebody listens is refused, also if it is taken on one of the host's addresses alone."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for host in ("127.0.0.1", "localhost", "0.0.0.0"):
            with pytest.raises(OSError, match=f"{host}:{port} is in use") as raised:
                await refuse_taken(Endpoint(host=host, port=port))
            assert raised.value.errno == errno.EADDRINUSE


async def test_port_that_is_free_again_is_not_refused() -> None:
    """A port whose last listener is gone can be taken, though connections to it may linger; so can any free one."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        client = socket.create_connection(("127.0.0.1", port))
        connection, _ = taken.accept()
        connection.close()  # who closes first, lingers
        client.close()

    await refuse_taken(Endpoint(port=port))
    await refuse_taken(Endpoint(port=0))


async def test_address_of_another_machine_is_left_to_the_server() -> None:
    """An address that cannot be bound for another reason is not called taken."""
    await refuse_taken(Endpoint(host="192.0.2.1", port=50051))


def test_key_is_not_shown() -> None:
    """The private key does not stand in what is printed or logged of an endpoint."""
    endpoint = Endpoint(tls=Tls(b"a certificate", b"a secret"))

    assert "a certificate" in repr(endpoint)
    assert "a secret" not in repr(endpoint)
