#!/usr/bin/env python3
"""Publish the prices of the demo's simulated market to a server, as they happen, until a signal ends it.

    python scripts/publish_market.py [--target HOST:PORT] [--seed N]

It creates the market's ten stocks. While the server does not answer it keeps trying, and the market stands still.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import time

from ticker_client import TickerClient
from ticker_client.errors import AlreadyExists, TickerError
from ticker_client.models import Tick
from ticker_client.publisher import Publisher
from ticker_server.demo.market import STOCKS, Market

NANOSECONDS = 1_000_000_000
PAUSE_SECONDS = 1.0
"""Between attempts while the server is away."""


async def create_stocks(client: TickerClient) -> None:
    """Create the stocks of the market where they do not exist yet, as soon as the server answers."""
    for stock in STOCKS:
        while True:
            try:
                await client.create_stock(stock.stock_id, name=stock.name)
                break
            except AlreadyExists:  # under another name, which is as good
                break
            except TickerError as error:
                await _wait_after(error)


async def play(publisher: Publisher, market: Market) -> None:
    """Publish the ticks of the market, each at its moment; after a time without the server it goes on where it was."""
    due = time.monotonic_ns()
    for moment in market.ticks():
        due += moment.after_ns
        await asyncio.sleep(max(0, due - time.monotonic_ns()) / NANOSECONDS)
        await publish(publisher, Tick(moment.tick.stock_id, moment.tick.price, moment.tick.size))
        due = max(due, time.monotonic_ns() - NANOSECONDS)  # late by more: the time is not made up for


async def publish(publisher: Publisher, tick: Tick) -> None:
    """Publish a tick, again and again until its outcome is known."""
    ticks = [tick]
    while ticks:
        try:
            await publisher.publish(ticks)
        except TickerError as error:
            await _wait_after(error)
        # With the sequence of the first attempt, so that it is in the log once.
        ticks = list(publisher.unconfirmed)


async def _wait_after(error: TickerError) -> None:
    if not error.retryable:
        raise error
    print(error, file=sys.stderr, flush=True)
    await asyncio.sleep(PAUSE_SECONDS)


async def run(target: str, seed: int) -> None:
    """Publish until a signal comes."""
    playing = asyncio.current_task()
    assert playing is not None
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, playing.cancel)
    async with TickerClient(target) as client:
        await create_stocks(client)
        print(f"publishing the market of seed {seed} to {target}", flush=True)
        await play(client.publisher(), Market(seed))


def main() -> int:
    """Run the program and return its exit code."""
    parser = argparse.ArgumentParser(description="Publishes the prices of the demo's simulated market.")
    parser.add_argument("--target", default=os.environ.get("TICKER_TARGET", "localhost:50051"))
    parser.add_argument("--seed", type=int, default=1, help="another seed, another market")
    options = parser.parse_args()
    try:
        asyncio.run(run(options.target, options.seed))
    except asyncio.CancelledError:
        return 0
    except TickerError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
