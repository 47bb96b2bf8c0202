"""Writing minute bars: what stands and what comes are merged, whatever comes first."""

from __future__ import annotations

import random
from collections.abc import Callable
from decimal import Decimal
from functools import reduce

import psycopg
import pytest

from ticker_server.catalog import Database, open_database
from ticker_server.history.bar_table import write_bars
from ticker_server.history.bars import BarStore
from ticker_server.history.snapshots import SnapshotStore
from ticker_server.model.bar import Bar, Mark, bar_of, merged
from ticker_server.model.minute_bars import MINUTE
from ticker_server.model.tick import AcceptedTick

ORDINAL = 3
BAR = (
    "stock_id, (extract(epoch FROM start_time) / 60)::bigint, open, high, low, close, volume, tick_count, epoch_ordinal,"
    " first_sequence, last_sequence, open_time_ns, open_sequence, close_time_ns, close_sequence"
)


async def write(database: Database, *bars: Bar, ordinal: int = ORDINAL) -> None:
    """Write bars in a transaction of their own."""
    async with database.writing() as connection:
        await write_bars(connection, ordinal, bars)


def stored(url: str) -> dict[tuple[str, int, int], Bar]:
    """Return what is stored by stock, start and epoch."""
    bars = {}
    with psycopg.connect(url) as connection:
        for stock_id, minute, *row in connection.execute(f"SELECT {BAR} FROM minute_bar".encode()).fetchall():
            *values, first, last, open_time, open_sequence, close_time, close_sequence = row
            epoch = values[-1]
            opened, closed = Mark(open_time, epoch, open_sequence), Mark(close_time, epoch, close_sequence)
            bars[stock_id, minute * MINUTE, epoch] = Bar(
                stock_id, minute * MINUTE, *values, first, last, opened, closed
            )
    return bars


def bar(sequence: int, price: str, size: str = "", time: int = 0, stock_id: str = "AAPL") -> Bar:
    """Return the bar of one tick."""
    return bar_of(AcceptedTick(stock_id, price, size, time, time, sequence, sequence), ORDINAL, MINUTE)


@pytest.fixture(params=[0, 150], ids=["few", "many"])
def others(request: pytest.FixtureRequest) -> list[Bar]:
    """Return other bars, so many that the rows go the one way or the other."""
    return [bar(1, "1", stock_id=f"X{number}") for number in range(request.param)]


async def test_bars_are_merged_in_any_order(database: Database, url: str, others: list[Bar]) -> None:
    """However the ticks of a minute are divided and ordered, their bar is the same, to the last digit."""
    chance = random.Random(1)
    prices, sizes = ["7", "7.50", "123456789012.123456789", "0.000000001"], ["", "0", "999999999999.999999999", "2.5"]
    bars = [
        bar(n, chance.choice(prices), chance.choice(sizes), chance.choice([5, 6, 7, MINUTE - 1])) for n in range(1, 13)
    ]
    chance.shuffle(bars)
    for start in range(0, len(bars), 3):
        await write(database, reduce(merged, bars[start : start + 3]), *others)

    found = stored(url)
    assert found["AAPL", 0, ORDINAL] == reduce(merged, bars)
    assert {found[one.stock_id, 0, ORDINAL].tick_count for one in others} <= {4}


async def test_epochs_and_minutes_stand_apart(database: Database, url: str) -> None:
    """Ticks of another epoch, minute or stock are other bars, as far back as a trade time can be."""
    oldest = bar(4, "4", time=-(2**63))
    await write(database, bar(2, "1"), bar(3, "3", time=-1), oldest, bar(3, "2", stock_id="MSFT"))
    await write(database, bar(1, "9"), ordinal=ORDINAL + 1)

    assert {key: one.close for key, one in stored(url).items()} == {
        ("AAPL", 0, ORDINAL): Decimal(1),
        ("AAPL", -MINUTE, ORDINAL): Decimal(3),
        ("AAPL", oldest.start, ORDINAL): Decimal(4),
        ("MSFT", 0, ORDINAL): Decimal(2),
        ("AAPL", 0, ORDINAL + 1): Decimal(9),
    }


async def test_times_are_readable(database: Database, url: str, others: list[Bar]) -> None:
    """Analysts see where a bar begins and when its first and last price were traded, as instants."""
    time = 1_763_900_040_123_456_789
    await write(database, merged(bar(1, "1", time=time), bar(2, "2", time=time + 1_000_000)), *others)

    with psycopg.connect(url) as connection:
        row = connection.execute(
            "SELECT start_time::text, open_time::text, close_time::text FROM minute_bar WHERE stock_id = 'AAPL'"
        ).fetchone()
    assert row == ("2025-11-23 12:14:00+00", "2025-11-23 12:14:00.123456+00", "2025-11-23 12:14:00.124456+00")


async def test_documented_rights_are_enough(
    role_url: Callable[[str], str], store: SnapshotStore, others: list[Bar]
) -> None:
    """With the rights of the documentation a sync server writes bars, a gateway reads them, and analysts their views."""
    ordinal = await store.open_epoch("one")
    writer, reader = open_database(role_url("ticker_sync")), open_database(role_url("ticker_gateway"))
    for _ in range(2):
        await write(writer, bar(1, "1"), *others, ordinal=ordinal)

    page = await BarStore(reader).read("AAPL", 0, MINUTE, 1)
    assert [one.tick_count for one in page.bars] == [2]
    with psycopg.connect(role_url("analyst")) as connection:
        for view in ("bar_1m", "bar_5m", "bar_15m", "bar_1h", "bar_1d", "latest_price", "minute_bar", "sync_position"):
            connection.execute(f"SELECT * FROM {view}".encode())
    await writer.close()
    await reader.close()


async def test_nothing_to_write(database: Database, url: str) -> None:
    """No bars are no change."""
    await write(database)

    assert stored(url) == {}
