"""The load generator: a process that reads many streams as cheaply as it can, and knows how much each one got.

    python -m scripts.benchmarks.transport.reader raw
    python -m scripts.benchmarks.transport.reader plain|tls|deadlines|watch PATH REQUEST...

Requests are in hexadecimal; connections use them in turn.
"""

from __future__ import annotations

import json
import select
import socket
import ssl
import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import count
from typing import Any, NamedTuple, TextIO

from scripts.benchmarks.errors import BenchFailed
from scripts.benchmarks.transport.peer import Peer, RawPeer, WatchPeer

__all__ = ["Reader"]

_AT_ONCE = 50
"""So many connections are made; before more are, all of their streams must have had their first message."""
_EXTRA_SECONDS = 0.02
"""So long nothing may come after the last message that is expected."""


class Mark(NamedTuple):
    """What had come on a connection at some moment."""

    fewest: int
    bytes: int
    received: int = 0
    updates: int = 0

    @classmethod
    def of(cls, peer: Peer) -> Mark:
        """Return what has come so far."""
        return cls(peer.fewest, peer.bytes, peer.received, peer.updates)


class Reader:
    """The connections of one process. `make` makes one of a socket that is connected, the first one with 0.

    What does not come within `patience` seconds is missing.
    """

    def __init__(self, make: Callable[[socket.socket, int], Peer], patience: float = 100.0) -> None:
        self._make = make
        self._patience = patience
        self._made = count()
        self._peers: dict[int, Peer] = {}
        self._marks: dict[Peer, Mark] = {}
        self._epoll = select.epoll()

    def connect(self, port: int, connections: int, streams: int) -> Mapping[str, Any]:
        """Open streams, each of which gets a message at once; tell how many seconds that took."""
        began = time.monotonic()
        for first in range(0, connections, _AT_ONCE):
            made = [self._open(port, streams) for _ in range(min(_AT_ONCE, connections - first))]
            self._read_until(made, lambda peer: peer.received >= streams)
        seconds = time.monotonic() - began
        if any(peer.messages and not peer.fewest for peer in self._peers.values()):
            raise BenchFailed("a stream did not get its first message, and another one of its connection got two")
        return {"seconds": seconds}

    def mark(self) -> Mapping[str, Any]:
        """Note what came so far: `expect` and `follow` count from here."""
        self._marks = {peer: Mark.of(peer) for peer in self._peers.values()}
        return {}

    def expect(self, messages: int, size: int) -> Mapping[str, Any]:
        """Read until each stream got so many messages since the mark, of so many bytes, and nothing above."""
        due = {
            peer: Mark(mark.fewest + messages, mark.bytes + messages * size * max(1, len(peer.messages)))
            for peer, mark in self._marks.items()
        }
        self._read_until(due, lambda peer: peer.bytes >= due[peer].bytes)
        self._read_for(_EXTRA_SECONDS)
        for peer, mark in due.items():
            if peer.bytes != mark.bytes:
                raise BenchFailed(f"a connection got {peer.bytes} bytes instead of {mark.bytes}")
            if peer.messages and not peer.fewest == peer.most == mark.fewest:
                raise BenchFailed(f"a stream got {peer.fewest} to {peer.most} messages instead of {mark.fewest}")
        return {"streams": sum(max(1, len(peer.messages)) for peer in due)}

    def call(self, calls: int, at_once: int) -> Mapping[str, Any]:
        """Make so many calls on each connection, so many of them at a time."""
        due = {peer: peer.ended + calls for peer in self._peers.values()}
        for peer in due:
            peer.calls_left = calls - at_once
            peer.call(at_once)
            self._flush(peer)
        self._read_until(due, lambda peer: peer.ended >= due[peer])
        self._read_for(_EXTRA_SECONDS)
        if any(peer.ended != due[peer] or peer.messages for peer in due):
            raise BenchFailed("there are more answers than calls, or fewer")
        return {}

    def gather(self, updates: int) -> Mapping[str, Any]:
        """Read until each watch got so many updates since the mark; tell what `follow` tells."""
        self._read_until(self._marks, lambda peer: peer.updates >= self._marks[peer].updates + updates)
        return self.follow(_EXTRA_SECONDS)

    def follow(self, seconds: float) -> Mapping[str, Any]:
        """Read for some seconds; tell how many messages came since the mark, and how many updates each watch got."""
        self._read_for(seconds)
        received = sum(peer.received - mark.received for peer, mark in self._marks.items())
        return {"messages": received, "updates": [peer.updates - mark.updates for peer, mark in self._marks.items()]}

    def close(self) -> Mapping[str, Any]:
        """Close all connections."""
        for peer in self._peers.values():
            peer.socket.close()
        self._peers.clear()
        self._marks.clear()
        return {}

    def line_of(self, commands: TextIO) -> str:
        """Return the next line; meanwhile servers are answered that ask for a sign of life."""
        while commands not in select.select([commands, self._epoll], [], [])[0]:
            self._read(0)
        return commands.readline()

    def _open(self, port: int, streams: int) -> Peer:
        connected = socket.create_connection(("127.0.0.1", port))
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        peer = self._make(connected, next(self._made))
        peer.socket.setblocking(False)
        self._peers[peer.socket.fileno()] = peer
        self._epoll.register(peer.socket, select.EPOLLIN)
        peer.call(streams)
        self._flush(peer)
        return peer

    def _flush(self, peer: Peer) -> None:
        is_all = peer.flush()
        self._epoll.modify(peer.socket, select.EPOLLIN if is_all else select.EPOLLIN | select.EPOLLOUT)

    def _read_until(self, peers: Collection[Peer], is_done: Callable[[Peer], bool]) -> None:
        left = {peer for peer in peers if not is_done(peer)}
        deadline = time.monotonic() + self._patience
        while left:
            if time.monotonic() > deadline:
                raise BenchFailed(f"{len(left)} of {len(peers)} connections did not get all messages")
            for peer in self._read(1.0):
                if peer in left and is_done(peer):
                    left.remove(peer)

    def _read_for(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self._read(left)

    def _read(self, seconds: float) -> Sequence[Peer]:
        """Take what has come, or comes within some seconds; return who got something."""
        ready = [self._peers[number] for number, _ in self._epoll.poll(seconds)]
        for peer in ready:
            peer.receive()
            if peer.outgoing:
                self._flush(peer)
        return ready


def _maker(kind: str, arguments: Sequence[str]) -> Callable[[socket.socket, int], Peer]:
    """Return what makes a peer of a socket."""
    if kind == "raw":
        return lambda connected, _: RawPeer(connected)
    path, *requests = arguments
    bodies = [bytes.fromhex(request) for request in requests]
    if kind == "watch":
        return lambda connected, number: WatchPeer(connected, path, bodies[number % len(bodies)])
    if kind != "tls":
        has_deadlines = kind == "deadlines"
        return lambda connected, number: Peer(
            connected, path, bodies[number % len(bodies)], has_deadlines=has_deadlines
        )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    return lambda connected, number: Peer(
        context.wrap_socket(connected, do_handshake_on_connect=True), path, bodies[number % len(bodies)]
    )


def main() -> None:
    """Do what stdin says, until it ends."""
    reader = Reader(_maker(sys.argv[1], sys.argv[2:]))
    print("{}", flush=True)
    while line := reader.line_of(sys.stdin):
        command, *numbers = line.split()
        try:
            answer = getattr(reader, command)(*map(int, numbers))
        except (BenchFailed, OSError) as error:
            answer = {"error": str(error)}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
