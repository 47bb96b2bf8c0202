"""The sync server as the one thing that a process does: told when it is ready, stopped by an event."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ticker_server.history.sync import SyncServer

__all__ = ["run_sync"]


async def run_sync(server: SyncServer, *, on_ready: Callable[[], None], stopping: asyncio.Event) -> None:
    """Run a sync server until `stopping` is set; `on_ready` is called once, when it has joined or tried for 10 s.

    Its database is migrated, open, and closed by the caller. Neither the database nor Kafka has to answer yet.

    Raises:
        TopicsUnusable: The topic is not as it has to be.
    """

    async def tell_ready() -> None:
        await server.ready()
        on_ready()

    async def stop() -> None:
        await stopping.wait()
        server.stop()

    companions = [asyncio.create_task(tell_ready()), asyncio.create_task(stop())]
    try:
        await server.run()
    finally:
        for companion in companions:
            companion.cancel()
        await asyncio.gather(*companions, return_exceptions=True)
