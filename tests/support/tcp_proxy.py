"""A server that can become unreachable: in front of it, what goes to its port gets lost for a while, or is slow."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from scripts.kafka_cluster.ports import HOST, free_ports

BACKLOG = 128
CHUNK = 65_536
NO_LINGER = struct.pack("ii", 1, 0)
SLOW_CHUNK = 256


class TcpProxy:
    """Passes connections on to a port of this machine, by threads of its own.

    With `bytes_per_second` what the server sends comes no faster than that, as over a thin line.
    """

    def __init__(self, upstream: int, bytes_per_second: float | None = None) -> None:
        self.port = free_ports(1)[0]
        self._upstream = upstream
        self._bytes_per_second = bytes_per_second
        self._passes = threading.Event()
        self._passes.set()
        self._sockets: list[socket.socket] = []
        self._listening = socket.create_server((HOST, self.port), backlog=BACKLOG)

    def start(self) -> None:
        """Begin to accept connections."""
        self._spawn(self._accept)

    def cut(self) -> None:
        """Lose everything from now on: open connections are silent, and new ones are not made."""
        self._passes.clear()
        self._listening.listen(0)  # all that come after the first find no place to wait, and get no answer at all

    def heal(self) -> None:
        """Pass everything on again, what was sent meanwhile included."""
        self._listening.listen(BACKLOG)
        self._passes.set()

    def reset(self) -> None:
        """Break all connections, as a balancer that is restarted does (RST); new ones are made."""
        broken, self._sockets = self._sockets, []
        for each in broken:
            with suppress(OSError):
                each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
                each.shutdown(socket.SHUT_RD)  # wakes who waits for data, and sends nothing
            each.close()

    def end(self) -> None:
        """Close all connections."""
        self._passes.set()
        for each in (self._listening, *self._sockets):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listening.accept()
                self._passes.wait()
                self._connect(near)

    def _connect(self, near: socket.socket) -> None:
        try:
            far = socket.create_connection((HOST, self._upstream))
        except OSError:
            near.close()
            return
        self._sockets += (near, far)
        self._spawn(self._pump, near, far)
        self._spawn(self._pump if self._bytes_per_second is None else self._trickle, far, near)

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(CHUNK):
                self._passes.wait()
                sink.sendall(data)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    def _trickle(self, source: socket.socket, sink: socket.socket) -> None:
        assert self._bytes_per_second is not None
        due = time.monotonic()
        with suppress(OSError):
            while data := source.recv(SLOW_CHUNK):
                # By the clock, so that a sleep which is late makes the next one shorter.
                due = max(due, time.monotonic() - 0.1) + len(data) / self._bytes_per_second
                time.sleep(max(0.0, due - time.monotonic()))
                self._passes.wait()
                sink.sendall(data)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    def _spawn(self, work: object, *arguments: socket.socket) -> None:
        threading.Thread(target=work, args=arguments, daemon=True).start()  # type: ignore[arg-type]


@contextmanager
def proxy_to(upstream: int, bytes_per_second: float | None = None) -> Iterator[TcpProxy]:
    """Run a proxy to a port of this machine until the end of the block."""
    proxy = TcpProxy(upstream, bytes_per_second)
    proxy.start()
    try:
        yield proxy
    finally:
        proxy.end()
