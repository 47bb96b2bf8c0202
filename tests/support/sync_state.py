"""What a sync server has stored, read by plain SQL, and whether it is exactly what follows from the log."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import psycopg

from tests.support.price_topic import LogFold, PriceTopic, folds_at
from tests.support.validators import Row, went_back
from ticker_server.history.packing import unpack
from ticker_server.history.price_rows import row_of
from ticker_server.history.thinning import KEPT
from ticker_server.model.bar import Bar, Mark
from ticker_server.model.partition import home_partition
from ticker_server.model.tick import AcceptedTick

WAIT_SECONDS = 30.0
POLL_SECONDS = 0.05

# Each version of a price that is ever stored, in order, so that one that goes back is found, whoever wrote it; and each
# checkpoint, so that a false one is found even if it was thinned out soon.
HISTORY = """
CREATE TABLE price_history (
  change bigint GENERATED ALWAYS AS IDENTITY, stock_id text, epoch_ordinal int, sequence bigint, tick_number bigint,
  price_text text
);
CREATE FUNCTION keep_history() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO price_history (stock_id, epoch_ordinal, sequence, tick_number, price_text)
  VALUES (NEW.stock_id, NEW.epoch_ordinal, NEW.sequence, NEW.tick_number, NEW.price_text);
  RETURN NEW;
END $$;
CREATE TRIGGER keep_history AFTER INSERT OR UPDATE ON latest_price FOR EACH ROW EXECUTE FUNCTION keep_history();
CREATE TABLE checkpoint_history (epoch_ordinal int, log_partition int, position bigint, state bytea);
CREATE FUNCTION keep_checkpoint() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO checkpoint_history VALUES (NEW.epoch_ordinal, NEW.log_partition, NEW.position, NEW.state);
  RETURN NEW;
END $$;
CREATE TRIGGER keep_checkpoint AFTER INSERT OR UPDATE ON log_checkpoint FOR EACH ROW EXECUTE FUNCTION keep_checkpoint();
"""
VERSIONS = "SELECT stock_id, epoch_ordinal, sequence, tick_number, price_text FROM price_history ORDER BY change"
PRICE = (
    "stock_id, log_partition, price_text, size_text, trade_time_ns, accept_time_ns, sequence, tick_number, publishers"
)
BAR = (
    "stock_id, (extract(epoch FROM start_time) * 1000000000)::bigint, open, high, low, close, volume, tick_count, 0,"
    " first_sequence, last_sequence, open_time_ns, open_sequence, close_time_ns, close_sequence"
)
TICKS = """
SELECT log_partition AS home_partition, sequence, stock_id, price, size, trade_time_ns,
       (extract(epoch FROM accept_time) * 1000000000)::bigint, tick_number
FROM price_tick WHERE epoch_ordinal = (SELECT max(ordinal) FROM log_epoch)
"""
BARS = """
SELECT stock_id, epoch_ordinal, start_time, open, high, low, close, volume, tick_count, first_sequence, last_sequence,
       open_time_ns, close_time_ns
FROM minute_bar
"""
BARS_OF_TICKS = """
SELECT stock_id, epoch_ordinal, to_timestamp(floor(trade_time_ns / 60000000000.0) * 60) AS minute,
       (array_agg(price ORDER BY trade_time_ns, sequence))[1], max(price), min(price),
       (array_agg(price ORDER BY trade_time_ns DESC, sequence DESC))[1], coalesce(sum(size), 0), count(*),
       min(sequence), max(sequence), min(trade_time_ns), max(trade_time_ns)
FROM price_tick GROUP BY stock_id, epoch_ordinal, minute
"""


@dataclass(frozen=True)
class Stored:
    """The newest epoch of the database as of one moment; bars by stock and start, with 0 for their epoch."""

    ordinal: int
    positions: dict[int, int]
    prices: dict[str, tuple[Any, ...]]
    bars: dict[tuple[str, int], Bar]


def read_stored(url: str) -> Stored:
    """Read what is stored of the newest epoch."""
    with psycopg.connect(url) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        ordinal = connection.execute("SELECT coalesce(max(ordinal), 0) FROM log_epoch").fetchone()
        assert ordinal is not None
        positions = connection.execute(
            "SELECT log_partition, next FROM sync_position WHERE epoch_ordinal = %s", ordinal
        ).fetchall()
        prices = connection.execute(
            f"SELECT {PRICE} FROM latest_price WHERE epoch_ordinal = %s".encode(), ordinal
        ).fetchall()
        bars = connection.execute(f"SELECT {BAR} FROM minute_bar WHERE epoch_ordinal = %s".encode(), ordinal).fetchall()
    return Stored(
        ordinal[0],
        dict(positions),
        {row[0]: row[1:] for row in prices},
        {(row[0], row[1]): _bar(*row) for row in bars},
    )


def _bar(*row: Any) -> Bar:
    *values, open_time, open_sequence, close_time, close_sequence = row
    return Bar(*values, Mark(open_time, 0, open_sequence), Mark(close_time, 0, close_sequence))


def keep_history(url: str) -> None:
    """Let the database note each version of a price, and each checkpoint."""
    with psycopg.connect(url) as connection:
        connection.execute(HISTORY.encode())


def versions(url: str) -> list[Row]:
    """Return each version of a price that was ever stored, in order, since `keep_history`."""
    with psycopg.connect(url) as connection:
        return [Row(*row) for row in connection.execute(VERSIONS.encode()).fetchall()]


def assert_nothing_went_back(url: str) -> None:
    """Check that no price of a stock was ever replaced by an older one, and that there were some."""
    rows = versions(url)
    assert rows
    assert went_back(rows) == []


def assert_exact(url: str, fold: LogFold) -> Stored:
    """Check that what is stored is the fold of the log up to the stored positions, to the last digit."""
    stored = read_stored(url)
    fold.advance(stored.positions)
    expected = fold.prices()
    assert stored.prices.keys() == expected.keys()
    assert stored.prices == expected
    assert stored.bars == fold.bars
    return stored


def assert_checkpoints_exact(url: str, topic: PriceTopic) -> None:
    """Check that each checkpoint that was ever stored is the fold of the log up to its position, to the last digit."""
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT log_partition, position, state FROM checkpoint_history"
            " WHERE epoch_ordinal = (SELECT max(ordinal) FROM log_epoch)"
        ).fetchall()
        lost = connection.execute(
            "SELECT * FROM log_checkpoint WHERE (epoch_ordinal, log_partition, position, state) NOT IN"
            " (SELECT epoch_ordinal, log_partition, position, state FROM checkpoint_history)"
        ).fetchall()
        kept = connection.execute("SELECT log_partition, count(*) FROM log_checkpoint GROUP BY 1").fetchall()
    assert lost == []
    assert {partition for partition, *_ in rows} == set(range(topic.partitions))
    assert max(count for _, count in kept) <= KEPT.most
    for number in range(topic.partitions):
        stored = {position: state for partition, position, state in rows if partition == number}
        for position, acceptance in folds_at(topic, number, stored):
            expected = sorted(row_of(numbering) for numbering in acceptance.numberings.values())
            assert sorted(row_of(numbering) for numbering in unpack(stored[position])) == expected


def assert_ticks_exact(url: str, fold: LogFold) -> None:
    """Check that the stored ticks of the newest epoch are all those of the log, once each, and the bars are theirs."""
    with psycopg.connect(url) as connection:
        rows = connection.execute(f"{TICKS} ORDER BY home_partition, sequence".encode()).fetchall()
    expected = sorted(
        (home_partition(one.stock_id, fold.topic.partitions), one.sequence, *_tick(one)) for one in fold.ticks
    )
    assert rows == expected
    assert_bars_are_those_of_the_ticks(url)


def assert_bars_are_those_of_the_ticks(url: str) -> None:
    """Check that the stored bars are what a query makes of the stored ticks, of all epochs, to the last digit."""
    with psycopg.connect(url) as connection:
        for one, other in ((BARS_OF_TICKS, BARS), (BARS, BARS_OF_TICKS)):
            assert connection.execute(f"({one}) EXCEPT ({other}) LIMIT 5".encode()).fetchall() == []


def _tick(tick: AcceptedTick) -> tuple[Any, ...]:
    size = Decimal(tick.size) if tick.size else None
    return tick.stock_id, Decimal(tick.price), size, tick.trade_time, tick.accept_time, tick.tick_number


async def wait_until_stored(url: str, topic: PriceTopic, seconds: float = WAIT_SECONDS) -> None:
    """Wait until everything in the topic is stored, which only the database can tell."""
    ends = await asyncio.to_thread(topic.ends)
    await wait_for_stored(url, lambda stored: stored.positions == ends, seconds)


async def wait_for_stored(url: str, expected: Callable[[Stored], bool], seconds: float = WAIT_SECONDS) -> Stored:
    """Wait until what is stored is as expected; a database that is away is asked again."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            stored: Stored | None = await asyncio.to_thread(read_stored, url)
        except psycopg.OperationalError:
            stored = None
        if stored is not None and expected(stored):
            return stored
        assert time.monotonic() < deadline, stored and stored.positions
        await asyncio.sleep(POLL_SECONDS)
