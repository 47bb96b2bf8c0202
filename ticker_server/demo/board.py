"""The demo's board: the command line client, run as any user would run it, in a process of its own."""

from __future__ import annotations

import asyncio
import sys

from ticker_server.demo.scenario import DEMO_USER

__all__ = ["instructions", "show_board"]

_END_SECONDS = 1.0

_INSTRUCTIONS = """\
The ticker demo serves on {target}: ten stocks, an invented market, and the user "{user}" with five subscriptions.
From a second terminal:

grpcurl -plaintext {target} list
grpcurl -plaintext -d '{{"stock_ids": ["AAPL", "NVDA"]}}' {target} ticker.v1.PriceService/GetLatestPrices
grpcurl -plaintext -d '{{"user_ids": ["{user}"]}}' {target} ticker.v1.WatchService/WatchStocks

{ticker} --target {target} --user {user} list
{ticker} --target {target} --user {user} add GOOG --every-tick --always
{ticker} --target {target} watch '*' --every-tick --json --count 20

{python} - <<'EOF'
import asyncio
from ticker_client import TickerClient, Update

async def main():
    async with TickerClient("{target}") as ticker:
        async with ticker.watch("AAPL", "TSLA", every_tick=True) as watch:
            async for event in watch:
                if isinstance(event, Update):
                    print(event.stock_id, event.price, event.tick_number)

asyncio.run(main())
EOF

Ctrl-C ends the demo.
"""


def instructions(target: str) -> str:
    """Return what to try from a second terminal: commands that work as they stand."""
    in_environment = sys.prefix != sys.base_prefix
    ticker = f"{sys.prefix}/bin/ticker" if in_environment else "ticker"
    python = sys.executable if in_environment else "python3"
    return _INSTRUCTIONS.format(target=target, user=DEMO_USER, ticker=ticker, python=python)


async def show_board(target: str) -> None:
    """Run the watch of the demo's user until it ends; it ends with us when we are cancelled."""
    arguments = ("--target", target, "--user", DEMO_USER, "watch")
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "ticker_client.cli", *arguments)
    try:
        await process.wait()
    finally:
        if process.returncode is None:
            process.terminate()
            try:
                async with asyncio.timeout(_END_SECONDS):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()
