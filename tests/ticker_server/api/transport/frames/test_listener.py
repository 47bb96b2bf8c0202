"""The listener on real sockets."""

from __future__ import annotations

import asyncio

from ticker_server.api.transport.frames.listener import Listener


async def test_port_is_chosen_and_freed() -> None:
    """Port 0 is any free port; after the stop nobody listens there."""
    listener = Listener({})
    port = await listener.start()
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.close()
    await writer.wait_closed()
    await listener.stop(0)

    again = Listener({})
    assert await again.start(port=port) == port
    await again.stop(0)
