"""The floor where there is no C compiler: socket.send() in a Python loop. It obeys as floor.c does."""

from __future__ import annotations

import json
import random
import select
import socket
import sys

__all__ = ["PlainFloor"]

_CACHED = 1_000
_FRAGMENTS = 5
_FIRST_BYTES = 99


class PlainFloor:
    """Connections that were accepted, and what is sent to them."""

    def __init__(self) -> None:
        self.listening = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self._connections: list[tuple[socket.socket, list[int]]] = []

    @property
    def port(self) -> int:
        """The port that is listened on."""
        port: int = self.listening.getsockname()[1]
        return port

    def accept(self) -> None:
        """Accept a connection, and send its first message."""
        connection, _ = self.listening.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        chosen = random.Random(len(self._connections)).sample(range(_CACHED), _FRAGMENTS)  # noqa: S311 - no secret
        self._connections.append((connection, chosen))
        connection.sendall(bytes(_FIRST_BYTES))

    def push(self, times: int, size: int) -> None:
        """Send one message to all, so many times."""
        message = bytes(size)
        for _ in range(times):
            for connection, _chosen in self._connections:
                connection.sendall(message)

    def join(self, times: int, size: int) -> None:
        """Send to each a message of its own, joined from fragments, so many times."""
        cached = [bytes([number % 256]) * (size // _FRAGMENTS) for number in range(_CACHED)]
        rest = bytes(size % _FRAGMENTS)
        for _ in range(times):
            for connection, chosen in self._connections:
                connection.sendall(b"".join([*[cached[number] for number in chosen], rest]))


def main() -> None:
    """Accept connections, and do what stdin says until it ends."""
    floor = PlainFloor()
    print(json.dumps({"plain": floor.port}), flush=True)
    while True:
        ready, _, _ = select.select([floor.listening, sys.stdin], [], [])
        if floor.listening in ready:
            floor.accept()
        if sys.stdin in ready:
            line = sys.stdin.readline()
            if not line:
                return
            command, times, size = line.split()
            {"push": floor.push, "join": floor.join}[command](int(times), int(size))
            print("{}", flush=True)


if __name__ == "__main__":
    main()
