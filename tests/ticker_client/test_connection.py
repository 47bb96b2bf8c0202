"""The connection: when it is made, where it may be used, and what a call's failure becomes."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from pathlib import Path

import grpc
import pytest
from ticker.v1.stock_service_pb2 import GetStockRequest, Stock

from tests.ticker_client.scripted_server import Refuse, ScriptedServer
from ticker_client import ClientMisused, Internal, ServerUnreachable, TickerClient
from ticker_client.connection import Connection

SHORT = timedelta(milliseconds=150)


def make(
    target: str, *, token: str | None = None, tls_ca: Path | None = None, pids: list[int] | None = None
) -> Connection:
    """Return a connection with short timeouts; `pids` are what it is told the process is, one per question."""
    answers = iter(pids or [])
    return Connection(
        target,
        token=token,
        tls_ca=tls_ca,
        timeout=SHORT,
        connect_timeout=SHORT,
        getpid=(lambda: next(answers)) if pids else os.getpid,
    )


@asynccontextmanager
async def opened(connection: Connection) -> AsyncIterator[Connection]:
    """Open a connection for the time of a test."""
    connection.open()
    try:
        yield connection
    finally:
        await connection.close()


async def get_stock(connection: Connection) -> Stock:
    """Make a call."""
    return await connection.ask(lambda stubs: stubs.stocks.GetStock, GetStockRequest(stock_id="AAPL"))


@contextmanager
def closed_port() -> Iterator[int]:
    """Hold a port on which nobody listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


@pytest.mark.parametrize(
    "target", ["localhost", "localhost:", ":50051", "localhost:http", "localhost:0", "a:65536", ""]
)
def test_a_target_is_a_host_and_a_port(target: str) -> None:
    """A target that is not host:port is a ValueError that says so."""
    with pytest.raises(ValueError, match=r"is not host:port"):
        make(target)


@pytest.mark.parametrize("target", ["example.com:443", "10.0.0.1:50051", "[2001:db8::1]:50051"])
def test_a_token_does_not_leave_the_machine_in_clear_text(target: str) -> None:
    """A token without TLS is refused unless the server is on this machine."""
    with pytest.raises(ValueError, match="in clear text"):
        make(target, token="secret")


@pytest.mark.parametrize("target", ["localhost:50051", "127.0.0.1:50051", "127.1.2.3:1", "[::1]:50051"])
def test_a_token_may_go_to_this_machine(target: str) -> None:
    """A token may go to a loopback address in clear text."""
    assert make(target, token="secret").metadata == (("authorization", "Bearer secret"),)


async def test_a_token_is_sent_with_each_call(server: ScriptedServer) -> None:
    """A call carries the token as metadata; without a token there is none."""
    for token in ("secret", None):
        async with opened(make(server.target, token=token)) as connection:
            await get_stock(connection)

    assert [metadata.get("authorization") for metadata in server.metadata] == ["Bearer secret", None]


async def test_nobody_listening_is_told_with_the_reason() -> None:
    """A refused connection raises NOT_CONNECTED after the connect timeout, and says that it was refused."""
    with closed_port() as port:
        async with opened(make(f"127.0.0.1:{port}")) as connection:
            with pytest.raises(ServerUnreachable, match="refused") as caught:
                await get_stock(connection)

    assert (caught.value.reason, caught.value.retryable) == ("NOT_CONNECTED", True)


async def test_a_server_that_starts_in_time_is_waited_for() -> None:
    """A call that comes before the server listens succeeds if it does so within the connect timeout."""
    with socket.socket() as reserved:
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
        connection = Connection(
            f"127.0.0.1:{port}",
            token=None,
            tls_ca=None,
            timeout=timedelta(seconds=10),
            connect_timeout=timedelta(seconds=20),
        )
        async with opened(connection):
            call = asyncio.create_task(get_stock(connection))
            await asyncio.sleep(0)
            async with ScriptedServer().running(port=port):
                await call


async def test_a_server_that_says_nothing_is_unreachable() -> None:
    """A peer that takes the connection and never speaks raises ServerUnreachable after the connect timeout.

    The next call gets another connection, which may end up at another peer.
    """
    gone = asyncio.Queue[None]()
    callers = 0

    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal callers
        callers += 1
        await reader.read()
        writer.close()
        await writer.wait_closed()
        gone.put_nowait(None)

    listener = await asyncio.start_server(mute, "127.0.0.1", 0)
    async with listener:
        port = listener.sockets[0].getsockname()[1]
        async with opened(make(f"127.0.0.1:{port}")) as connection:
            with pytest.raises(ServerUnreachable, match="no connection to 127"):
                await get_stock(connection)
            with pytest.raises(ServerUnreachable, match="no connection to 127"):
                await get_stock(connection)
            assert callers == 2
        for _ in range(callers):
            await gone.get()


async def test_an_answer_that_does_not_come_is_unreachable(server: ScriptedServer) -> None:
    """A call without an answer within its timeout raises ServerUnreachable, and its outcome is open."""

    async def never(_: object) -> Stock:
        await asyncio.Event().wait()
        return Stock()

    server.answers["GetStock"] = never
    async with opened(make(server.target)) as connection:
        with pytest.raises(ServerUnreachable) as caught:
            await get_stock(connection)

    assert (caught.value.code, caught.value.reason) == ("DEADLINE_EXCEEDED", "SERVER_UNREACHABLE")


async def test_a_status_with_our_details_is_its_error(server: ScriptedServer) -> None:
    """A status with the details of this project raises the class of its code, with reason and message."""

    def fail(_: object) -> Stock:
        raise Refuse(grpc.StatusCode.INTERNAL, "INTERNAL", "unforeseen; id 4711")

    server.answers["GetStock"] = fail
    async with opened(make(server.target)) as connection:
        with pytest.raises(Internal) as caught:
            await get_stock(connection)

    assert str(caught.value) == "INTERNAL: unforeseen; id 4711"


async def test_a_connection_is_used_while_it_is_open(server: ScriptedServer) -> None:
    """A call before opening or after closing raises ClientMisused; opening twice does too."""
    connection = make(server.target)
    with pytest.raises(ClientMisused, match="CLIENT_CLOSED"):
        await get_stock(connection)
    async with opened(connection):
        with pytest.raises(ClientMisused, match="CLIENT_OPEN"):
            connection.open()
    with pytest.raises(ClientMisused, match="CLIENT_CLOSED"):
        await get_stock(connection)


async def test_a_connection_can_be_opened_again(server: ScriptedServer) -> None:
    """A closed connection can be opened anew."""
    connection = make(server.target)
    for _ in range(2):
        async with opened(connection):
            await get_stock(connection)

    assert len(server.requests) == 2


async def test_a_forked_process_is_told_what_to_do(server: ScriptedServer) -> None:
    """A call in another process than that of opening raises ClientMisused and names the way out."""
    async with opened(make(server.target, pids=[1, 2])) as connection:
        with pytest.raises(ClientMisused, match=r"CLIENT_FORKED: .*spawn"):
            await get_stock(connection)


async def test_another_event_loop_is_refused(server: ScriptedServer) -> None:
    """A call in another event loop than that of opening raises ClientMisused."""
    async with opened(make(server.target)) as connection:

        def elsewhere() -> None:
            with pytest.raises(ClientMisused, match="CLIENT_OTHER_LOOP"):
                asyncio.run(get_stock(connection))

        await asyncio.to_thread(elsewhere)


async def test_only_the_first_who_says_that_a_channel_hangs_replaces_it(server: ScriptedServer) -> None:
    """Several calls that hang on one channel get one fresh channel, and the old one is closed with the last of them."""
    async with opened(make(server.target)) as connection:
        async with connection.line() as first, connection.line() as second:
            assert first is second
            connection.replace(first)
            async with connection.line() as fresh:
                connection.replace(second)
                assert fresh is not first
            async with connection.line() as later:
                assert later is fresh
            assert first.channel.get_state() is not grpc.ChannelConnectivity.SHUTDOWN
        assert first.channel.get_state() is grpc.ChannelConnectivity.SHUTDOWN


async def test_closing_ends_what_is_under_way(server: ScriptedServer) -> None:
    """A call that is under way when the connection is closed raises ClientMisused, not CancelledError."""
    arrived = asyncio.Event()

    async def never(_: object) -> Stock:
        arrived.set()
        await asyncio.Event().wait()
        return Stock()

    server.answers["GetStock"] = never
    connection = make(server.target)
    async with opened(connection):
        call = asyncio.create_task(get_stock(connection))
        await arrived.wait()
    with pytest.raises(ClientMisused, match="closed while"):
        await call


async def test_closing_ends_a_wait_for_the_connection() -> None:
    """A call that waits for the connection when it is closed raises ClientMisused."""
    with closed_port() as port:
        connection = Connection(
            f"127.0.0.1:{port}",
            token=None,
            tls_ca=None,
            timeout=timedelta(seconds=10),
            connect_timeout=timedelta(seconds=10),
        )
        async with opened(connection):
            call = asyncio.create_task(get_stock(connection))
            await asyncio.sleep(0)
        with pytest.raises(ClientMisused, match="closed while"):
            await call


async def test_a_cancelled_call_stays_cancelled(server: ScriptedServer) -> None:
    """Cancelling the task that waits for an answer raises CancelledError in it."""
    arrived = asyncio.Event()

    async def never(_: object) -> Stock:
        arrived.set()
        await asyncio.Event().wait()
        return Stock()

    server.answers["GetStock"] = never
    async with TickerClient(server.target) as ticker:
        call = asyncio.create_task(ticker.get_stock("AAPL"))
        await arrived.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call


@pytest.fixture
def certificates(tmp_path: Path) -> Path:
    """Make two self-signed certificates for localhost: `server` and `other`."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    for name in ("server", "other"):
        files = ["-keyout", f"{name}.key", "-out", f"{name}.pem", "-addext", "subjectAltName=DNS:localhost"]
        subprocess.run(["openssl", *words.split(), *files], cwd=tmp_path, check=True, capture_output=True)
    return tmp_path


async def test_tls_trusts_the_given_certificates(certificates: Path) -> None:
    """With `tls_ca` the connection is encrypted, and a server with another certificate is unreachable."""
    pair = ((certificates / "server.key").read_bytes(), (certificates / "server.pem").read_bytes())
    async with ScriptedServer().running(grpc.ssl_server_credentials([pair])) as server:
        connection = make(server.target, token="secret", tls_ca=certificates / "server.pem")
        async with opened(connection):
            await get_stock(connection)
        async with opened(make(server.target, tls_ca=certificates / "other.pem")) as stranger:
            with pytest.raises(ServerUnreachable):
                await get_stock(stranger)

    assert [metadata["authorization"] for metadata in server.metadata] == ["Bearer secret"]


def test_certificates_that_cannot_be_read_are_told_at_once(tmp_path: Path) -> None:
    """A `tls_ca` that does not exist is an error when the client is made."""
    with pytest.raises(FileNotFoundError):
        make("localhost:50051", tls_ca=tmp_path / "missing.pem")
