"""Many watches on few connections, as a service has them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import grpc

from tests.support.wire import Stubs

# Channels of equal options in one process share one connection, unless each has a pool of its own.
OWN_CONNECTION = ("grpc.use_local_subchannel_pool", 1)
SMALL_WINDOW = (("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", 16_384), OWN_CONNECTION)


@asynccontextmanager
async def connections(
    target: str, count: int, options: tuple[tuple[str, int], ...] = (OWN_CONNECTION,)
) -> AsyncIterator[list[Stubs]]:
    """Open so many connections until the end of the block, and return the stubs of each."""
    async with AsyncExitStack() as stack:
        channels = [
            await stack.enter_async_context(grpc.aio.insecure_channel(target, options=options)) for _ in range(count)
        ]
        yield [Stubs(channel) for channel in channels]
