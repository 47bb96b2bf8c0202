"""The file of the embedded price log, used from an event loop: an fsync in the loop would make beats late."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

from ticker_server.errors import PriceLogUnavailable
from ticker_server.feed.sqlite.storage import State, Storage
from ticker_server.model.acceptance import Numbering
from ticker_server.model.tick import AcceptedTick

__all__ = ["StorageThread"]

_T = TypeVar("_T")


class StorageThread:
    """One thread with one connection to the file. `open`, then anything else, then `close`.

    What writes or is part of a start raises sqlite3.Error; what readers ask for raises PriceLogUnavailable.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._threads = ThreadPoolExecutor(max_workers=1, thread_name_prefix="price-log")
        self._storage: Storage | None = None
        self.oldest_time = 0
        """The accept time of the oldest tick, as of the last `prune` or `open`; 0 if there was none."""

    async def open(self) -> None:
        """Open the file. Raises sqlite3.Error if it cannot be used."""
        self._storage = await self._in_thread(partial(Storage, self._path))
        self._note(await self._in_thread(self._opened.oldest))

    async def close(self) -> None:
        """Close the file, if it was opened."""
        if self._storage is not None:
            await self._in_thread(self._storage.close)
        self._threads.shutdown(wait=False)

    async def load(self) -> State:
        """Read where the log stands. Raises sqlite3.Error."""
        return await self._in_thread(self._opened.load)

    async def append(self, ticks: Sequence[AcceptedTick], numberings: Sequence[Numbering]) -> None:
        """Write accepted ticks and the state of their stocks; durable when it returns. Raises sqlite3.Error."""
        await self._in_thread(partial(self._opened.append, ticks, numberings))
        if not self.oldest_time and ticks:
            self.oldest_time = ticks[0].accept_time

    async def prune(self, before_sequence: int, limit: int) -> int:
        """Delete up to `limit` of the oldest ticks below a sequence; return how many. Raises sqlite3.Error."""
        deleted = await self._in_thread(partial(self._opened.prune, before_sequence, limit))
        if deleted:
            self._note(await self._in_thread(self._opened.oldest))
        return deleted

    async def first_since(self, accept_time: int) -> int:
        """Return the lowest sequence accepted at or after an instant; one above the last if there is none.

        Raises PriceLogUnavailable.
        """
        return await self._read(partial(self._opened.first_sequence_since, accept_time))

    async def ticks_after(self, sequence: int, limit: int) -> Sequence[AcceptedTick]:
        """Return up to `limit` ticks above a sequence, in order. Raises PriceLogUnavailable."""
        return await self._read(partial(self._opened.ticks_after, sequence, limit))

    async def oldest_sequence(self) -> int | None:
        """Return the sequence of the oldest tick; None if there is none. Raises PriceLogUnavailable."""
        oldest = await self._read(self._opened.oldest)
        return None if oldest is None else oldest[0]

    async def _read(self, call: Callable[[], _T]) -> _T:
        try:
            return await self._in_thread(call)
        except sqlite3.Error as error:
            raise PriceLogUnavailable("the price log could not be read") from error

    def _note(self, oldest: tuple[int, int] | None) -> None:
        self.oldest_time = 0 if oldest is None else oldest[1]

    @property
    def _opened(self) -> Storage:
        assert self._storage is not None, "open() comes first"
        return self._storage

    async def _in_thread(self, call: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, call)
