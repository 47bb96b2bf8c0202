"""Rows of checkpoints."""

from __future__ import annotations

from collections.abc import Callable

import psycopg

from tests.ticker_server.history.test_price_rows import told
from ticker_server.catalog import Database
from ticker_server.history.checkpoint_table import newest_checkpoints, write_checkpoint
from ticker_server.history.pace import Written
from ticker_server.history.packing import unpack
from ticker_server.model.acceptance import Numbering
from ticker_server.model.tick import AcceptedTick

Make = Callable[..., Numbering]

HOUR = 3_600_000_000_000


async def write(database: Database, position: int, *state: Numbering, partition: int = 3, ordinal: int = 1) -> None:
    """Write a checkpoint in a transaction of its own, at a time that is its position."""
    async with database.writing() as connection:
        await write_checkpoint(connection, (ordinal, partition), Written(position, position), state)


def at(hours: float) -> Numbering:
    """Return the state of a stock that was accepted at a time."""
    return Numbering(AcceptedTick("AAPL", "1", "", 0, int(hours * HOUR), 1, 1))


def positions(url: str, partition: int = 3) -> list[int]:
    """Return the positions of a partition's checkpoints."""
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT position FROM log_checkpoint WHERE epoch_ordinal = 1 AND log_partition = %s ORDER BY 1", [partition]
        ).fetchall()
    return [position for (position,) in rows]


async def test_row_has_the_state(database: Database, url: str, numbering: Make) -> None:
    """A row has position, state, the accept time of the newest tick, and when it was written."""
    state = [numbering("AAPL", 5, zulu=1, alpha=2), numbering("MSFT", 9), numbering("GOOG", 7)]
    await write(database, 12, *state)
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT * FROM log_checkpoint").fetchone()

    assert row is not None
    assert row[:5] == (1, 3, 12, 2_009, 12)
    assert [told(one) for one in unpack(row[5])] == [told(one) for one in state]


async def test_no_tick_yet(database: Database, url: str) -> None:
    """A partition that has only skipped records so far has a checkpoint, too."""
    await write(database, 12)
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT position, accept_time_ns FROM log_checkpoint").fetchall() == [(12, 0)]


async def test_old_ones_are_thinned_out(database: Database, url: str) -> None:
    """What a new checkpoint makes dispensable is deleted with it, of its own partition and epoch alone."""
    await write(database, 1, at(0), partition=2)
    await write(database, 1, at(0), ordinal=2)
    for position, hours in enumerate([0, 0.2, 0.4, 1.1, 1.2, 1.5, 2.3, 2.4], start=1):
        await write(database, position, at(hours))

    assert positions(url) == [1, 4, 6, 7, 8]
    assert positions(url, partition=2) == [1]
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT position FROM log_checkpoint WHERE epoch_ordinal = 2").fetchall() == [(1,)]


async def test_position_that_was_set_back(database: Database, url: str) -> None:
    """What stands at or above a position that is written is of another fold, and goes."""
    for position in (10, 20, 30):
        await write(database, position, at(position / 100))
    await write(database, 20, at(0.1))

    assert positions(url) == [10, 20]


async def test_newest_ones_are_found(database: Database) -> None:
    """The newest checkpoint of each partition is found, with its time; of some there is none."""
    for position in (10, 20):
        await write(database, position, at(0))
    await write(database, 7, at(0), partition=4)
    await write(database, 90, at(0), ordinal=2)
    async with database.reading() as connection:
        assert await newest_checkpoints(connection, 1, [3, 4, 5]) == {3: Written(20, 20), 4: Written(7, 7)}
