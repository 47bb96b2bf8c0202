"""Many watches at once on shared connections."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import grpc

from tests.support.wire import Stubs
from ticker_server.app import Gateway

WATCHES = 1000
CONNECTIONS = 4


async def test_thousand_watches_opened_at_once_all_go_live(gateway: Gateway, stubs: Stubs) -> None:
    """A thousand watches opened at the same moment on a few connections all catch up, and all get the next tick."""
    await stubs.create("AAPL")
    async with AsyncExitStack() as stack:
        options = (("grpc.use_local_subchannel_pool", 1),)
        channels = [
            await stack.enter_async_context(grpc.aio.insecure_channel(gateway.target, options=options))
            for _ in range(CONNECTIONS)
        ]
        streams = [
            await stack.enter_async_context(
                Stubs(channels[number % CONNECTIONS]).watch(stock_ids=["AAPL"], every_tick=True)
            )
            for number in range(WATCHES)
        ]
        await asyncio.gather(*(stream.caught_up() for stream in streams))
        await stubs.publish("AAPL", "1.5")
        updates = await asyncio.gather(*(stream.updates(1) for stream in streams))

    assert [update.tick_number for (update,) in updates] == [1] * WATCHES
