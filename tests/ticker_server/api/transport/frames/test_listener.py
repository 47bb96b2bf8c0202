"""The listener on real sockets: who gets in, and how all end."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import resource
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.support.frames_peer import FramesPeer
from tests.support.http2_client import frame
from ticker_server.api.transport.frames.call import Call
from ticker_server.api.transport.frames.frame import LARGEST_ID, PREFACE, SETTINGS
from ticker_server.api.transport.frames.limits import Limits
from ticker_server.api.transport.frames.listener import Listener
from ticker_server.api.transport.frames.methods import Streaming, Unary

QUICK = Limits(close_seconds=0.05, goaway_ack_seconds=0.05, look_seconds=0.005)
Start = Callable[..., Awaitable["Running"]]


class Running:
    """A listener with two methods: one that answers, and one that goes on until it is told to end."""

    def __init__(self, limits: Limits) -> None:
        self.release = asyncio.Event()
        self.began = asyncio.Semaphore(0)
        self.cancelled = 0
        methods = {
            "/test.Test/Unary": Unary(self._answer),
            "/test.Test/Wait": Streaming(self._wait),
            "/test.Test/Watch": Streaming(self._wait, is_awaited=False),
        }
        self.listener = Listener(methods, limits)
        self.port = 0
        self.peers: list[FramesPeer] = []

    async def greet(self, **how: Any) -> FramesPeer:
        """Connect a client, which is closed after the test."""
        self.peers.append(await FramesPeer.greet(self.port, **how))
        return self.peers[-1]

    async def connect(self, **how: Any) -> FramesPeer:
        """Connect a client that says nothing."""
        self.peers.append(await FramesPeer.connect(self.port, **how))
        return self.peers[-1]

    async def wait_in(self, peer: FramesPeer, stream_id: int = 1, path: str = "/test.Test/Wait") -> None:
        """Let a client make a call that goes on."""
        peer.send(peer.client.request(stream_id, path, ends=True))
        await asyncio.wait_for(self.began.acquire(), 10)

    async def _answer(self, request: bytes, _call: Call) -> bytes:
        return request

    async def _wait(self, _call: Call) -> None:
        self.began.release()
        try:
            await self.release.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Starts listeners, and stops them after the test."""
    all_running: list[Running] = []

    async def started(limits: Limits = QUICK, **how: Any) -> Running:
        running = Running(limits)
        all_running.append(running)
        running.port = await running.listener.start(**how)
        return running

    yield started
    for running in all_running:
        for peer in running.peers:
            await peer.close()
        await running.listener.stop(0)


async def test_call_is_answered(start: Start) -> None:
    """Calls on several connections are answered."""
    running = await start()
    for number in range(3):
        peer = await running.greet()
        peer.send(peer.client.call(1, b"a%d" % number))

        assert await peer.status(1) == "0"
        assert (await peer.heard("DATA", 1))[2] == b"\0\0\0\0\2a%d" % number
    assert len(running.listener.connections) == 3


async def test_port_is_chosen_and_freed(start: Start) -> None:
    """Port 0 is any free port; after the stop it can be taken again, though clients were connected."""
    running = await start()
    await running.greet()
    await running.listener.stop(0)

    assert (await start(port=running.port)).port == running.port


async def test_taken_port_is_an_error(start: Start) -> None:
    """A port on which somebody else listens is an error, and nothing is left of the attempt."""
    with socket.create_server(("127.0.0.1", 0)) as other, pytest.raises(OSError, match="in use") as raised:
        await start(port=other.getsockname()[1])

    assert raised.value.errno == errno.EADDRINUSE


async def test_address_of_another_machine_is_an_error(start: Start) -> None:
    """An address that is not this machine's cannot be listened on."""
    with pytest.raises(OSError, match="assign") as raised:
        await start(host="192.0.2.1")

    assert raised.value.errno == errno.EADDRNOTAVAIL


def has_ipv6() -> bool:
    """Tell whether this machine has the loopback of IPv6."""
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
async def test_ipv6_is_listened_on(start: Start) -> None:
    """An address of IPv6 is listened on alone."""
    running = await start(host="::1")
    await running.greet(host="::1")

    with pytest.raises(ConnectionRefusedError):
        await running.connect(host="127.0.0.1")


async def test_all_addresses_of_a_host_have_one_port(start: Start) -> None:
    """A host with several addresses is listened on at each of them, at the same port."""
    running = await start(host="localhost")
    addresses = await asyncio.get_running_loop().getaddrinfo("localhost", running.port, type=socket.SOCK_STREAM)
    for *_, address in dict.fromkeys(addresses):
        peer = await running.greet(host=str(address[0]))
        peer.send(peer.client.call(1, b""))

        assert await peer.status(1) == "0"


class NamesOfContainer(asyncio.SelectorEventLoop):
    """A loop of a container that has a name for the loopback of IPv6, and no IPv6."""

    async def getaddrinfo(self, host: Any, port: Any, **how: Any) -> list[Any]:
        """Return an address of IPv6 that is not here, and that of the loopback; or the first alone."""
        absent: tuple[Any, ...] = (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("2001:db8::1", port, 0, 0))
        return [absent, *(await super().getaddrinfo("127.0.0.1", port, **how) if host == "localhost" else [])]


def test_machine_without_ipv6_is_listened_on() -> None:
    """Where a host has an address of IPv6 and the machine has none, its other addresses are listened on."""

    async def listen() -> None:
        listener = Listener({})
        port = await listener.start(host="localhost")
        await (await FramesPeer.greet(port)).close()
        await listener.stop(0)
        with pytest.raises(OSError, match="assign"):
            await Listener({}).start(host="ip6-localhost")

    with asyncio.Runner(loop_factory=NamesOfContainer) as runner:
        runner.run(listen())


async def test_connection_above_the_limit_is_closed(start: Start, until: Any) -> None:
    """One connection too many is closed without a word; once another one is gone there is room again."""
    running = await start(Limits(max_connections=2))
    first, _ = await running.greet(), await running.greet()
    assert await (await running.connect()).end() == []
    await first.close()
    await until(lambda: len(running.listener.connections) == 1)

    third = await running.greet()
    third.send(third.client.call(1, b""))
    assert await third.status(1) == "0"


async def test_connection_is_counted_before_it_speaks(start: Start) -> None:
    """Connections that say nothing have their places, too."""
    running = await start(Limits(max_connections=1))
    silent = await running.connect()
    await silent.heard("SETTINGS")

    assert await (await running.connect()).end() == []


async def test_socket_is_set_up(start: Start) -> None:
    """A connection sends small messages at once, and gives up when what it sent is not acknowledged."""
    running = await start(Limits(tcp_user_timeout=7.5, not_sent_low=4_096))
    await running.greet()
    (connection,) = running.listener.connections
    raw = connection._transport.get_extra_info("socket")  # type: ignore[union-attr]

    assert raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    assert raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 7_500
    assert raw.getsockopt(socket.IPPROTO_TCP, 25) == 4_096


async def test_connections_are_looked_at(start: Start) -> None:
    """A connection that does not begin in time is ended, without anybody asking."""
    running = await start(Limits(preface_seconds=0.02, look_seconds=0.005, close_seconds=0.05))
    peer = await running.connect()
    peer.send(PREFACE[:10])
    said = await peer.end()

    assert said[-1][::2] == ("GOAWAY", "ENHANCE_YOUR_CALM")


async def test_fault_is_read_by_the_peer(start: Start) -> None:
    """A peer that goes on talking after its fault reads why it was let go: its socket is not reset under it."""
    running = await start()
    peer = await running.greet()
    peer.send(frame(SETTINGS, 0, 1), bytes(100_000))
    said = await peer.end()

    assert said[-1][::2] == ("GOAWAY", "PROTOCOL_ERROR")


# No more files.


async def test_no_more_files_is_not_the_end(start: Start, until: Any) -> None:
    """Where no file can be opened, nothing is accepted for a while, and connections that are there go on."""
    running = await start()
    peer = await running.greet()
    client = socket.socket()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with capture_logs() as logs, client:
        client.setblocking(False)
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
        try:
            client.connect_ex(("127.0.0.1", running.port))
            await until(lambda: logs)
            peer.send(peer.client.call(1, b""))
            assert await peer.status(1) == "0"
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for _ in range(50):
            await asyncio.sleep(0)

    assert [entry["event"] for entry in logs] == ["no connection can be accepted for now"]


# The stop.


async def test_stop_before_start_is_nothing() -> None:
    """A listener that was never started can be stopped, also twice."""
    listener = Listener({})
    await listener.stop(0)
    await listener.stop(10)


async def test_stop_of_an_idle_connection_does_not_wait(start: Start) -> None:
    """Connections without calls end as soon as they have answered, whatever the grace."""
    running = await start()
    peer = await running.greet()
    stopping = asyncio.ensure_future(running.listener.stop(60))
    payload = (await peer.heard("PING"))[1]
    assert peer.said[0] == ("GOAWAY", LARGEST_ID, "NO_ERROR", "")
    peer.send(peer.client.ping(payload, ack=True))
    said = await peer.end()
    await peer.close()
    await asyncio.wait_for(stopping, 10)

    assert said[2:] == [("GOAWAY", 0, "NO_ERROR", "")]
    assert not running.listener.connections


async def test_stop_waits_for_calls(start: Start) -> None:
    """Calls that run when the stop begins end in peace within the grace; nobody else gets in."""
    running = await start()
    peer = await running.greet()
    await running.wait_in(peer)
    stopping = asyncio.ensure_future(running.listener.stop(60))
    await peer.heard("PING")
    with pytest.raises(ConnectionRefusedError):
        await running.connect()
    await peer.until(lambda: ("GOAWAY", 1, "NO_ERROR", "") in peer.said)
    running.release.set()

    assert await peer.status(1) == "0"
    await peer.end()
    await peer.close()
    await asyncio.wait_for(stopping, 10)
    assert running.cancelled == 0


async def test_stop_ends_calls_when_the_grace_is_over(start: Start) -> None:
    """Calls that run for longer than the grace end with UNAVAILABLE, and their handlers are cancelled."""
    running = await start()
    peer = await running.greet()
    await running.wait_in(peer)
    stopping = asyncio.ensure_future(running.listener.stop(0.01))

    assert await peer.status(1) == "14"
    await peer.end()
    await peer.close()
    await asyncio.wait_for(stopping, 10)
    assert running.cancelled == 1


async def test_stop_does_not_wait_for_those_who_watch(start: Start) -> None:
    """What goes on for as long as its caller pleases ends soon, whatever the grace."""
    running = await start()
    peer = await running.greet()
    await running.wait_in(peer, 1, "/test.Test/Watch")
    stopping = asyncio.ensure_future(running.listener.stop(60))

    assert await peer.status(1) == "14"
    await peer.end()
    await peer.close()
    await asyncio.wait_for(stopping, 10)


async def test_stop_does_not_wait_for_a_peer_that_is_silent(start: Start) -> None:
    """Peers that answer nothing and close nothing are cut in the end."""
    running = await start()
    peer, silent = await running.greet(), await running.connect()
    await running.wait_in(peer)
    await asyncio.wait_for(running.listener.stop(0.01), 10)

    assert not running.listener.connections
    await peer.end()
    await silent.end()


async def test_stop_twice_is_one(start: Start) -> None:
    """A second stop returns at once, while the first one waits."""
    running = await start()
    peer = await running.greet()
    await running.wait_in(peer)
    stopping = asyncio.ensure_future(running.listener.stop(60))
    await peer.heard("PING")
    await asyncio.wait_for(running.listener.stop(60), 10)
    assert not stopping.done()
    running.release.set()
    await peer.end()
    await peer.close()

    await asyncio.wait_for(stopping, 10)


@pytest.mark.parametrize("turns", [1, 2, 3])
async def test_stop_while_a_connection_is_accepted(start: Start, turns: int) -> None:
    """A connection that comes in the very turn of the stop is closed, and does not hold it up."""
    running = await start()
    with socket.create_connection(("127.0.0.1", running.port)) as client:
        for _ in range(turns):
            await asyncio.sleep(0)
        async with asyncio.timeout(2):
            await running.listener.stop(60)
        client.settimeout(10)
        with contextlib.suppress(ConnectionResetError):
            while client.recv(1_000):
                pass
