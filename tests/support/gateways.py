"""Real gateways for tests: in this process, on a free port, over a real file."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from ticker_server.app import Gateway
from ticker_server.clock import Clock
from ticker_server.settings import Settings


@asynccontextmanager
async def running_gateway(data_dir: Path, *, clock: Clock | None = None, **flags: Any) -> AsyncIterator[Gateway]:
    """Run a gateway over a data directory; `flags` are fields of Settings.

    Its streams last for ever unless those say otherwise: a test turns its clock by days.
    """
    gateway = Gateway(Settings.load(data_dir=data_dir, port=0, **{"stream_age": 0.0, **flags}), clock)
    await gateway.start()
    try:
        yield gateway
    finally:
        await gateway.stop()
