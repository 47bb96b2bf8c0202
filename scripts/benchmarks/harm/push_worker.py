"""The process with the server that is harmed, or soaked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from scripts.benchmarks.worker import Worker, python

__all__ = ["push_server"]


@contextmanager
def push_server(core: int | None, milliseconds: int, size: int) -> Iterator[Worker]:
    """Run a server on a core that sends a message of so many bytes to all watches, every so many milliseconds."""
    command = python("scripts.benchmarks.harm.push_server", str(milliseconds), str(size))
    worker = Worker("the server", command, core)
    try:
        yield worker
    finally:
        worker.end()
