"""Writing newest prices."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest

from ticker_server.catalog import Database
from ticker_server.history.price_rows import row_of
from ticker_server.history.price_table import write_prices
from ticker_server.model.acceptance import Numbering

Make = Callable[..., Numbering]


async def write(database: Database, ordinal: int, *numberings: Numbering) -> None:
    """Write prices of partition 3 in a transaction of their own."""
    async with database.writing() as connection:
        await write_prices(connection, ordinal, 3, [row_of(numbering) for numbering in numberings])


def prices(url: str) -> dict[str, tuple[int, int, str]]:
    """Return epoch ordinal, sequence and price by stock."""
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT stock_id, epoch_ordinal, sequence, price_text FROM latest_price").fetchall()
    return {stock_id: (ordinal, sequence, price) for stock_id, ordinal, sequence, price in rows}


@pytest.fixture(params=[0, 600], ids=["few", "many"])
def others(request: pytest.FixtureRequest, numbering: Make) -> list[Numbering]:
    """Return other stocks, so many that the rows go the one way or the other."""
    return [numbering(f"X{number}", 1) for number in range(request.param)]


async def test_new_and_newer_prices_are_written(
    database: Database, url: str, numbering: Make, others: list[Numbering]
) -> None:
    """A stock's first price is written, and so is each newer one, with its digits as they were sent."""
    await write(database, 1, numbering("AAPL", 5, price="1.500"), *others)
    await write(database, 1, numbering("AAPL", 6, price="2.10"), numbering("MSFT", 7), *others)

    found = prices(url)
    assert (found["AAPL"], found["MSFT"]) == ((1, 6, "2.10"), (1, 7, "1.50"))
    assert len(found) == len(others) + 2


async def test_older_price_is_not_written(
    database: Database, url: str, numbering: Make, others: list[Numbering]
) -> None:
    """A price that is older than the stored one changes nothing, while its neighbours are written."""
    await write(database, 1, numbering("AAPL", 5))
    await write(database, 1, numbering("AAPL", 4, price="9"), numbering("MSFT", 4), *others)

    assert (prices(url)["AAPL"], prices(url)["MSFT"]) == ((1, 5, "1.50"), (1, 4, "1.50"))


async def test_new_epoch_is_newer_whatever_the_sequence(
    database: Database, url: str, numbering: Make, others: list[Numbering]
) -> None:
    """A price of a later epoch replaces one with a higher sequence, and is not replaced by one."""
    await write(database, 1, numbering("AAPL", 900))
    await write(database, 2, numbering("AAPL", 1, price="2"), *others)
    await write(database, 1, numbering("AAPL", 901), *others)

    assert prices(url)["AAPL"] == (2, 1, "2")


async def test_nothing_to_write(database: Database, url: str) -> None:
    """No rows are no change."""
    await write(database, 1)

    assert prices(url) == {}


async def test_many_rows_twice_in_one_connection(database: Database, url: str, numbering: Make) -> None:
    """A connection that has taken many rows takes many others, and none of the former come again."""
    await write(database, 1, *(numbering(f"A{number}", 1) for number in range(600)))
    with psycopg.connect(url) as connection:
        connection.execute("DELETE FROM latest_price")
    await write(database, 1, *(numbering(f"B{number}", 1) for number in range(600)))

    assert {stock_id[0] for stock_id in prices(url)} == {"B"}
