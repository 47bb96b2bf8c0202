"""The rows of the table: what is measured, in which unit, and what it may be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scripts.benchmarks.errors import BenchFailed

__all__ = ["QUICK", "ROWS", "SYSTEMS", "Row", "Scale", "chosen"]

SYSTEMS = ("send", "grpcio", "frames")
"""In the order in which each round measures them. `send` is the floor."""


@dataclass(frozen=True, slots=True)
class Row:
    """One figure. Its target is for frames: a multiple of the floor in the same round, or so much of the unit.

    `is_by_clock`: what else runs on the machine makes it longer, never shorter, so the best round is its figure.
    """

    title: str
    unit: str
    target: float | None = None
    is_ratio: bool = False
    is_by_clock: bool = False


ROWS: Mapping[str, Row] = {
    "broadcast": Row("broadcast to {connections:,} connections", "us", 1.8, is_ratio=True),
    "each": Row("one message each, five fragments joined", "us", 2.0, is_ratio=True),
    "streams": Row("broadcast to {streams:,} streams of one connection", "us", 3.5),
    "tls": Row("broadcast to {connections:,} connections over TLS", "us", 22),
    "unary": Row("unary call, {calls_at_once} at a time on one connection", "us", 80),
    "deadline": Row("the same calls with a deadline, as grpc-go sends them", "us", 80),
    "connect": Row("connect, open a watch, get its first message", "us", 130),
    "opens": Row("{opens:,} streams opened at once on one connection", "s", 0.6, is_by_clock=True),
    "stall": Row("longest stall of the event loop meanwhile", "ms", 10, is_by_clock=True),
    "own": Row("idle watch on a connection of its own", "kB", 5),
    "shared": Row("idle watch on a shared connection", "kB", 0.8),
    "gateway": Row("whole gateway: {gateway_watches:,} watches of five stocks at 1 Hz", "us"),
    "hot": Row("whole gateway: {hot_watches:,} watches of every tick of a stock", "us"),
}
"""Microseconds are CPU of the server per message or call."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How much of everything. `rounds` measure each system once."""

    rounds: int = 7
    cold_rounds: int = 1
    """Before the others, and not counted: caches are cold then, and buffers small."""
    connections: int = 1_000
    pushes: int = 40
    """Messages to each connection, in one round."""
    streams: int = 100
    stream_pushes: int = 200
    calls: int = 10_000
    calls_at_once: int = 50
    connects: int = 500
    opens: int = 10_000
    idle_warm: int = 200
    """Opened before memory is looked at, so that what is there once for all does not count."""
    idle_own: int = 3_000
    idle_shared: int = 10_000
    idle_shared_by: int = 10
    """Connections."""
    gateway_watches: int = 2_000
    hot_watches: int = 500
    hot_ticks: int = 100
    """In one round, ten each second."""
    gateway_seconds: int = 10


QUICK = Scale(
    rounds=1,
    cold_rounds=0,
    connections=20,
    pushes=3,
    streams=10,
    stream_pushes=3,
    calls=100,
    calls_at_once=10,
    connects=20,
    opens=100,
    idle_warm=10,
    idle_own=50,
    idle_shared=100,
    gateway_watches=10,
    gateway_seconds=2,
    hot_watches=10,
    hot_ticks=10,
)
"""Shows that all works, in seconds; its figures mean nothing."""


def chosen(names: str) -> Sequence[str]:
    """Return the rows of a list with commas. Raises BenchFailed if one does not exist."""
    rows = [name.strip() for name in names.split(",")]
    unknown = [name for name in rows if name not in ROWS]
    if unknown:
        raise BenchFailed(f"there is no row {', '.join(unknown)}; rows are {', '.join(ROWS)}")
    return rows
