"""Free ports on the loopback address that stay free while their server is down."""

from __future__ import annotations

import random
import socket

HOST = "127.0.0.1"

# Below what Linux and macOS hand out to clients and to port 0: nobody takes one of these by chance while a killed
# server is about to come back to it.
CANDIDATES = range(20_000, 32_768)


def free_ports(count: int) -> list[int]:
    """Return ports on which nobody listens, chosen at random so that two callers at once do not meet."""
    shuffled = random.SystemRandom().sample(CANDIDATES, len(CANDIDATES))
    free: list[int] = []
    for port in shuffled:
        if is_free(port):
            free.append(port)
        if len(free) == count:
            return free
    raise OSError(f"no {count} free ports between {CANDIDATES[0]} and {CANDIDATES[-1]}")


def is_free(port: int) -> bool:
    """Tell whether a server could listen on a port now."""
    with socket.socket() as probe:
        # As servers do: connections of a former server, still in TIME_WAIT, are no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
