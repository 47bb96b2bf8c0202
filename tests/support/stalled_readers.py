"""Clients that open a watch and never read it, without the SDK."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import grpc
from ticker.v1 import watch_service_pb2

from tests.support.wire import Stubs

# Otherwise megabytes of prices fit into the buffers of a connection.
OPTIONS = (("grpc.http2.bdp_probe", 0), ("grpc.use_local_subchannel_pool", 1))


@asynccontextmanager
async def stalled(targets: Sequence[str], stock_ids: Sequence[str]) -> AsyncIterator[None]:
    """Open a watch of every tick at each target, and read nothing but its first message until the end of the block."""
    async with AsyncExitStack() as stack:
        calls = []
        for target in targets:
            channel = await stack.enter_async_context(grpc.aio.insecure_channel(target, options=OPTIONS))
            request = watch_service_pb2.WatchStocksRequest(stock_ids=stock_ids, every_tick=True)
            call = Stubs(channel).watches.WatchStocks(request)
            await call.read()
            calls.append(call)
        try:
            yield
        finally:
            for call in calls:
                call.cancel()
