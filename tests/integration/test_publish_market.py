"""The simulated market publishes to a server of its own process."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

from tests.support.processes import WAIT_SECONDS, clean_environment, running_server
from ticker_client import TickerClient, Update

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "publish_market.py"


async def test_market_is_published(tmp_path: Path) -> None:
    """Prices of the market reach a watch until the program is told to end, which it does without complaint."""
    async with running_server(tmp_path) as server:
        market = await asyncio.create_subprocess_exec(
            *(sys.executable, SCRIPT, "--target", server.target),
            stdout=asyncio.subprocess.PIPE,
            env=clean_environment(),
        )
        try:
            assert market.stdout is not None
            async with asyncio.timeout(WAIT_SECONDS):
                assert server.target in (await market.stdout.readline()).decode()

                async with TickerClient(server.target) as client, client.watch("*", every_tick=True) as watch:
                    stocks = set()
                    async for event in watch:
                        if isinstance(event, Update):
                            stocks.add(event.stock_id)
                        if len(stocks) == 3:
                            break
        finally:
            market.send_signal(signal.SIGTERM)
            await market.communicate()

        assert market.returncode == 0
