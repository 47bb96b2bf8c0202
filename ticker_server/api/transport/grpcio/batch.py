"""Awaiting an operation of grpc.aio without letting a cancellation into it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Generator
from typing import Any

__all__ = ["Batch"]


class Batch:
    """One operation that is run to its end whether or not the one who awaits it is cancelled.

    grpc.aio hands operations to its core in batches and frees what it gave along when a batch is over. If the
    awaiting task is cancelled before that, it never does: 320 bytes for each stream that is cancelled while a write is
    under way (grpc issue 43360). A task with `asyncio.shield` would do as well, for 8 us of CPU each; this takes 3.
    """

    __slots__ = ("_over", "_steps")

    def __init__(self, operation: Awaitable[None]) -> None:
        self._steps = operation.__await__()
        self._over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def __await__(self) -> Generator[Any, None, None]:
        self._step()
        return self._over.__await__()

    def _step(self, _done: asyncio.Future[Any] | None = None) -> None:
        """Run the operation on to the next future that it waits for."""
        try:
            waits_for = next(self._steps)
        except StopIteration:
            if not self._over.done():
                self._over.set_result(None)
        except BaseException as error:  # noqa: BLE001 - it is raised where the operation is awaited
            if not self._over.done():
                self._over.set_exception(error)
                self._over.exception()  # or the loop complains if the one who awaits is cancelled just now
        else:
            if waits_for is None:  # it lets the others of the loop have their turn
                asyncio.get_running_loop().call_soon(self._step)
                return
            # What a task does with the futures that its coroutine yields.
            waits_for._asyncio_future_blocking = False  # noqa: SLF001
            waits_for.add_done_callback(self._step)
