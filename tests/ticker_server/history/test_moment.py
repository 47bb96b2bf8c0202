"""Reading as of one moment."""

from __future__ import annotations

from sqlalchemy import text

from ticker_server.catalog import open_database, upgrade
from ticker_server.history.moment import freeze


async def test_what_is_stored_meanwhile_is_not_seen(postgres_url: str) -> None:
    """A transaction that was frozen sees what there was at its first query, whatever is committed afterwards."""
    upgrade(postgres_url)
    database = open_database(postgres_url)
    count = text("SELECT count(*) FROM log_epoch")
    async with database.reading() as reading:
        await freeze(reading)
        before = (await reading.execute(count)).scalar_one()
        async with database.writing() as writing:
            await writing.execute(text("INSERT INTO log_epoch (epoch, create_time_ns) VALUES ('one', 1)"))
        after = (await reading.execute(count)).scalar_one()
    async with database.reading() as reading:
        at_last = (await reading.execute(count)).scalar_one()
    await database.close()

    assert (before, after, at_last) == (0, 0, 1)
