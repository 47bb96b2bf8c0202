"""The bars that are stored are what an independent query makes of the ticks that are stored, whatever the log has."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass

import psycopg
import pytest

from tests.support.sync_state import assert_bars_are_those_of_the_ticks
from ticker_server.catalog import open_database, upgrade
from ticker_server.feed.kafka.records import encode
from ticker_server.history.fold import PartitionFold, StoredPartition
from ticker_server.history.retention import Retention
from ticker_server.history.snapshots import SnapshotStore
from ticker_server.model.acceptance import Reason
from ticker_server.model.tick import Tick

ACCEPTED_MS = 1_763_900_000_123
MINUTE_MS = 60_000


@dataclass
class RawRecord:
    """A record as a consumer hands it out."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None


def note(_partition: int, _offset: int, _reason: Reason) -> None:
    """Let a record be skipped."""


def log(chance: random.Random) -> list[RawRecord]:
    """Return a log of ticks that come late, twice, out of order and days apart, of few stocks."""
    records = []
    time = ACCEPTED_MS
    for offset in range(chance.randrange(5, 120)):
        time += chance.choice([0, 1, 500, MINUTE_MS, 24 * 60 * MINUTE_MS]) if chance.randrange(3) else 0
        late = chance.choice([None, time - chance.randrange(3 * MINUTE_MS), time - time % MINUTE_MS, 0, -1])
        trade_time = None if late is None else late * 1_000_000 + chance.randrange(2)
        publisher = chance.choice(["", "alpha"])
        sequence = chance.randrange(1, 60) if publisher else 0
        price = chance.choice(["7", "7.50", "123456789012.123456789", "0.000000001"])
        size = chance.choice(["", "0", "2.5", "999999999999.999999999"])
        key, value = encode(Tick(chance.choice("AB"), price, size, trade_time, publisher, sequence))
        records.append(RawRecord(offset, time, key, value))
    return records


@pytest.mark.parametrize("seed", range(8))
async def test_bars_are_those_of_the_ticks(postgres_url: str, seed: int) -> None:
    """However a log is divided into steps, of which some fail, in two epochs: bars equal the query over its ticks."""
    chance = random.Random(seed)
    await asyncio.to_thread(upgrade, postgres_url)
    database = open_database(postgres_url)
    store = SnapshotStore(database, retention=Retention(tick_days=0), raw_ticks=True)
    for epoch in ("one", "two", "one"):
        ordinal = await store.open_epoch(epoch)
        stored: StoredPartition = (await store.load_partitions(ordinal, [0]))[0]
        fold = PartitionFold(0, 1, stored, note, raw_ticks=store.raw_ticks)
        records = log(random.Random(f"{seed}{epoch}"))
        while fold.next < len(records):
            following = min(fold.next + chance.randrange(1, 30), len(records))
            fold.fold(records[fold.next : following], following)
            step = fold.step()
            assert step is not None
            if chance.randrange(3) == 0 and following < len(records):
                fold.not_stored(step)
            else:
                await store.store(ordinal, step)
                fold.stored(step)
    await database.close()

    # The epoch that came back has counted nothing again, and so the third one has neither bars nor ticks.
    await asyncio.to_thread(assert_bars_are_those_of_the_ticks, postgres_url)
    assert await asyncio.to_thread(ordinals, postgres_url) == [1, 2]


def ordinals(url: str) -> list[int]:
    """Return the epochs that there are bars of."""
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT DISTINCT epoch_ordinal FROM minute_bar ORDER BY 1").fetchall()
    return [row[0] for row in rows]
