from __future__ import annotations

import asyncio
from collections.abc import Sequence

from ticker_server.feed.changes import LocalChanges
from ticker_server.model.change import Change, UserDeleted


async def test_reload_comes_before_the_first_change() -> None:
    """What is published before the first reload is done waits for it; from then on it is applied before `publish` ends."""
    changes = LocalChanges()
    happened: list[object] = []
    reloading = asyncio.Event()

    async def reload() -> None:
        await reloading.wait()
        happened.append("reload")

    async def apply(batch: Sequence[Change]) -> None:
        happened.extend(batch)

    running = asyncio.create_task(changes.run(apply, reload))
    early = asyncio.create_task(changes.publish([UserDeleted("ana", 1)]))
    started = asyncio.create_task(changes.started())
    await asyncio.sleep(0)
    assert not early.done()
    assert not started.done()

    reloading.set()
    await asyncio.gather(early, started)
    await changes.publish([UserDeleted("bob", 2)])

    assert happened == ["reload", UserDeleted("ana", 1), UserDeleted("bob", 2)]
    assert not running.done()
    running.cancel()
    await asyncio.wait([running])
