"""An event loop in a thread of its own, for programs that have none."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

from ticker_client.errors import ClientMisused

__all__ = ["BackgroundLoop"]

_Result = TypeVar("_Result")


class BackgroundLoop:
    """Runs coroutines for other threads, which wait for them. It has a thread while somebody has entered it.

    There is one for all clients of a process, because gRPC does not get on with several event loops.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._pid = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def enter(self) -> None:
        """Have the thread run from now on."""
        with self._lock:
            if self._pid != os.getpid():  # after a fork the thread is not here
                self._users, self._pid = 0, os.getpid()
            self._users += 1
            if self._users == 1:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=_serve, args=(self._loop,), name="ticker", daemon=True)
                self._thread.start()

    def leave(self) -> None:
        """Need the thread no longer; the last one to leave ends it."""
        with self._lock:
            self._users -= 1
            if self._users or self._loop is None or self._thread is None:
                return
            loop, thread = self._loop, self._thread
            self._loop = self._thread = None
        loop.call_soon_threadsafe(loop.stop)
        thread.join()

    def run(self, coroutine: Coroutine[Any, Any, _Result]) -> _Result:
        """Run a coroutine and wait for its result; an interrupt of the wait cancels it.

        Raises:
            ClientMisused: nobody has entered, or this process was forked since, or this is the thread of the loop.
        """
        if self._loop is None or self._pid != os.getpid() or threading.current_thread() is self._thread:
            coroutine.close()
            raise ClientMisused(
                "CLIENT_CLOSED", "this client is not open here; use it inside `with`, in the process that entered it"
            )
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        rest = asyncio.all_tasks(loop)
        for task in rest:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*rest, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
