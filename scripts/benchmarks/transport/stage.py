"""The stages: each measures some rows with pairs of its own, one system after the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from scripts.benchmarks.transport.lab import Lab, Pair
from scripts.benchmarks.transport.payload import ECHO, JOINED_BYTES, MESSAGE_BYTES, WATCH
from scripts.benchmarks.transport.row import SYSTEMS, Scale

__all__ = ["Connect", "Contestant", "Deadline", "Fan", "Idle", "Opens", "Stage", "Streams", "Tls", "Unary"]

_BEFORE_MESSAGE = 14
"""The header of a DATA frame and the prefix of a gRPC message, which the floor sends as well."""
_TRANSPORTS = SYSTEMS[1:]
_MICRO, _MILLI, _KILO = 1e-6, 1e-3, 1000


class Contestant(Protocol):
    """What a stage has opened."""

    def end(self) -> None:
        """End it."""


class Stage(Protocol):
    """Opens each of its systems once, then measures them in turn, round by round, at most so often."""

    rows: Sequence[str]
    systems: Sequence[str]
    most_rounds: int

    def open(self, system: str) -> Contestant:
        """Start a system."""

    def measure(self, contestant: Contestant) -> Mapping[str, float]:
        """Return a figure for each row, in its unit."""


class _OfPairs:
    """A stage whose contestants are pairs that stay for all rounds."""

    rows: Sequence[str]
    systems = _TRANSPORTS
    most_rounds = 100

    def __init__(self, lab: Lab, scale: Scale) -> None:
        self.lab = lab
        self.scale = scale

    def open(self, system: str) -> Pair:
        """Start a server and its reader."""
        return self.lab.pair(system)

    def cost_of(self, pair: Pair, command: str, rounds: int, size: int) -> float:
        """Return the CPU microseconds of the server for each message that it sends, so many to each stream.

        A quarter as many are sent first and not counted: the other systems have just used the caches.
        """
        if pair.system == "send":
            size += _BEFORE_MESSAGE
        _push(pair, command, max(1, rounds // 4), size)
        before = pair.server.cpu_seconds
        streams = _push(pair, command, rounds, size)
        return (pair.server.cpu_seconds - before) / (rounds * streams) / _MICRO


def _push(pair: Pair, command: str, rounds: int, size: int) -> int:
    """Have so many messages sent to each stream, and wait until they were read; return how many streams there are."""
    pair.reader.ask("mark")
    pair.server.tell(command, rounds, size)
    pair.reader.tell("expect", rounds, size)
    pair.server.answer()
    return int(pair.reader.answer()["streams"])


class Fan(_OfPairs):
    """Messages to many connections."""

    rows = ("broadcast", "each")
    systems = SYSTEMS

    def open(self, system: str) -> Pair:
        """Start a server and its reader, with all connections."""
        pair = self.lab.pair(system)
        pair.connect(self.scale.connections)
        return pair

    def measure(self, pair: Pair) -> Mapping[str, float]:
        """Measure a message to all, and one to each."""
        return {
            "broadcast": self.cost_of(pair, "push", self.scale.pushes, MESSAGE_BYTES),
            "each": self.cost_of(pair, "join", self.scale.pushes, JOINED_BYTES),
        }


class Streams(_OfPairs):
    """A message to many streams of one connection."""

    rows = ("streams",)

    def open(self, system: str) -> Pair:
        """Start a server and its reader, with all streams."""
        pair = self.lab.pair(system)
        pair.connect(1, self.scale.streams)
        return pair

    def measure(self, pair: Pair) -> Mapping[str, float]:
        """Measure messages to all."""
        return {"streams": self.cost_of(pair, "push", self.scale.stream_pushes, MESSAGE_BYTES)}


class Tls(_OfPairs):
    """A message to many connections over TLS."""

    rows = ("tls",)

    def open(self, system: str) -> Pair:
        """Start a server and its reader, with all connections."""
        pair = self.lab.pair(system, "tls")
        pair.connect(self.scale.connections)
        return pair

    def measure(self, pair: Pair) -> Mapping[str, float]:
        """Measure messages to all."""
        return {"tls": self.cost_of(pair, "push", self.scale.pushes, MESSAGE_BYTES)}


class Unary(_OfPairs):
    """Calls of one request and one answer, the size of a message each."""

    rows = ("unary",)
    kind = "plain"

    def open(self, system: str) -> Pair:
        """Start a server and its reader, with one connection."""
        pair = self.lab.pair(system, self.kind, ECHO, bytes(MESSAGE_BYTES))
        pair.connect(1, 0)
        return pair

    def measure(self, pair: Pair) -> Mapping[str, float]:
        """Measure calls."""
        calls = self.scale.calls
        before = pair.server.cpu_seconds
        pair.reader.ask("call", calls, self.scale.calls_at_once)
        return {self.rows[0]: (pair.server.cpu_seconds - before) / calls / _MICRO}


class Deadline(Unary):
    """The same calls with deadlines, so that no header block is as the one before."""

    rows = ("deadline",)
    kind = "deadlines"


class Connect(_OfPairs):
    """Connections that are made, each with a watch that gets its first message."""

    rows = ("connect",)

    def measure(self, pair: Pair) -> Mapping[str, float]:
        """Measure connections, without their end."""
        before = pair.server.cpu_seconds
        pair.connect(self.scale.connects)
        used = pair.server.cpu_seconds - before
        pair.close()
        return {"connect": used / self.scale.connects / _MICRO}


class Opens(_OfPairs):
    """Many streams opened on one connection without a pause."""

    rows = ("opens", "stall")

    def measure(self, pair: Pair) -> Mapping[str, float]:
        """Measure the time until all have had their first message, and how late the loop's timers were meanwhile."""
        pair.server.ask("probe")
        seconds = pair.connect(1, self.scale.opens)
        stall = pair.server.ask("stall")["seconds"]
        pair.close()
        return {"opens": seconds, "stall": stall / _MILLI}


class Idle(_OfPairs):
    """Memory of watches that wait, each time of a new server."""

    rows = ("own", "shared")
    most_rounds = 3  # memory is not as noisy as time

    def open(self, system: str) -> Pair:
        """Start a reader, and the server of the first round."""
        return Pair(system, self.lab.server(system), self.lab.reader("plain", WATCH, ""))

    def measure(self, pair: Pair) -> Mapping[str, float]:
        """Measure what the server's memory grows by."""
        scale = self.scale
        if pair.server.has_ended:
            pair.server = self.lab.server(pair.system)
        pair.connect(scale.idle_warm)
        shared = _growth(pair, scale.idle_shared_by, scale.idle_shared // scale.idle_shared_by)
        own = _growth(pair, scale.idle_own, 1)
        pair.close()
        pair.server.end()
        return {"own": own, "shared": shared}


def _growth(pair: Pair, connections: int, streams: int) -> float:
    """Return by how many kilobytes the server grows for each of these streams."""
    pair.server.ask("collect")
    before = pair.server.memory
    pair.connect(connections, streams)
    pair.server.ask("collect")
    return (pair.server.memory - before) / (connections * streams) / _KILO
