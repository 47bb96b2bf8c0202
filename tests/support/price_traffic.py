"""Traffic on a price topic: ticks of several publishers with repeats, and what foreign programs get wrong."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

from tests.support.price_topic import PriceTopic
from ticker_server.feed.kafka.records import encode
from ticker_server.model.partition import home_partition
from ticker_server.model.tick import Tick

PAUSE_SECONDS = 0.02
# How late a tick may be told, so that it corrects a bar of before.
LATEST_NS = 180_000_000_000


def records(partitions: int, seed: int, stocks: int = 40) -> Iterator[tuple[int, bytes | None, bytes | None]]:
    """Yield records without end: partition, key and value, mostly ticks, some of them repeats, some no ticks at all."""
    chance = random.Random(seed)
    sequences: dict[tuple[str, str], int] = {}
    while True:
        stock_id = f"S{chance.randrange(stocks)}"
        home = home_partition(stock_id, partitions)
        publisher = chance.choice(["", "alpha", "beta", "gamma", f"once-{chance.randrange(10_000)}"])
        sequence = 0
        if publisher:
            sequence = sequences.get((stock_id, publisher), 0) + chance.choice([0, 1, 1, 1, 2])
            sequence = sequences[stock_id, publisher] = max(sequence, 1)
        price = chance.choice(["101.50", "99.0", "0.000000001", "123456789012.123456789", "7"])
        trade_time = time.time_ns() - chance.randrange(LATEST_NS) if chance.randrange(3) == 0 else None
        tick = Tick(stock_id, price, chance.choice(["", "0", "10.50"]), trade_time, publisher, sequence)
        key, value = encode(tick)
        match chance.randrange(40):
            case 0:
                yield home, key, None
            case 1:
                yield home, key, b"no tick"
            case 2:
                yield home, b"OTHER", value
            case 3:
                yield (home + 1) % partitions, key, value
            case 4:
                yield home, key, encode(Tick(stock_id, price, "", 2**62))[1]
            case _:
                yield home, key, value


@asynccontextmanager
async def traffic(topic: PriceTopic, seed: int, *, burst: int = 40) -> AsyncIterator[None]:
    """Write a burst of records every 20 ms until the end of the block; all are durable then."""

    async def write() -> None:
        source = records(topic.partitions, seed)
        while True:
            for _ in range(burst):
                topic.produce(*next(source))
            await asyncio.sleep(PAUSE_SECONDS)

    task = asyncio.create_task(write())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await asyncio.to_thread(topic.flush)
