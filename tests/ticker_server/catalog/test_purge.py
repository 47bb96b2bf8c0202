"""The removal of what ended with its stock."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import func, select

from ticker_server.catalog.database import Database
from ticker_server.catalog.purge import Purge
from ticker_server.catalog.service import Catalog
from ticker_server.catalog.subscription_table import SubscriptionTable
from ticker_server.catalog.tables import user_stock_subscription
from ticker_server.catalog.user_table import UserTable
from ticker_server.model.change import Change, StockDeleted, UserDeleted
from ticker_server.model.subscription import Wish

CreateStocks = Callable[..., Awaitable[None]]
MakeWishes = Callable[..., Sequence[Wish]]
NEVER = 3600.0
USERS = [f"user{number}" for number in range(7)]


@pytest.fixture
async def _ended(catalog: Catalog, create_stocks: CreateStocks, wishes: MakeWishes) -> None:
    """Store what ended: A was deleted, B was deleted and followed again by one user, C is as it was."""
    await create_stocks("A", "B", "C")
    await catalog.add_stocks([wish for user_id in USERS for wish in wishes(user_id, "A", "B", "C")])
    await catalog.delete_stock("A")
    await catalog.delete_stock("B")
    await create_stocks("B")
    await catalog.add_stocks(wishes("user3", "B"))


async def rows(database: Database) -> int:
    """Return how many rows there are, of ended subscriptions too."""
    async with database.reading() as connection:
        statement = select(func.count()).select_from(user_stock_subscription)
        return int((await connection.execute(statement)).scalar_one())


async def fallen_to(database: Database, count: int) -> None:
    """Wait until there are so many rows."""
    while await rows(database) > count:  # noqa: ASYNC110 - the database has no event for it
        await asyncio.sleep(0)  # let the purge go on


@asynccontextmanager
async def running(purge: Purge) -> AsyncIterator[None]:
    """Run a purge until the end of the block."""
    task = asyncio.create_task(purge.run())
    try:
        yield
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


@pytest.mark.usefixtures("_ended")
@pytest.mark.parametrize("chunk", [1, 4, 100])
async def test_only_what_ended_is_removed(database: Database, catalog: Catalog, chunk: int) -> None:
    """The purge removes all rows that ended, however many it takes at a time, and no other."""
    purge = Purge(database, chunk=chunk)
    before = await catalog.subscriptions_of_all(USERS)

    assert await purge.purge() == 13
    assert await purge.purge() == 0
    assert await rows(database) == 8
    assert await catalog.subscriptions_of_all(USERS) == before


@pytest.mark.usefixtures("_ended")
async def test_start_finishes_what_another_process_began(database: Database) -> None:
    """A process that died in the middle of its purge left rows behind; the next one finds them without being told."""
    async with database.writing() as connection:
        assert await SubscriptionTable(connection).delete_ended("A", 3) == 3
    async with running(Purge(database, sweep_seconds=NEVER)):
        await fallen_to(database, 8)


async def test_deletion_is_followed_at_once(
    database: Database, catalog: Catalog, create_stocks: CreateStocks, wishes: MakeWishes
) -> None:
    """A purge that is told of a deletion does not wait for its sweep."""
    purge = Purge(database, sweep_seconds=NEVER)
    async with running(purge):
        for _ in range(3):
            await create_stocks("A")
            await catalog.add_stocks(wishes("ana", "A"))
            await catalog.delete_stock("A")
            changes: list[Change] = [UserDeleted("ben", 1), StockDeleted("A", 2)]
            purge.follow(changes)
            await fallen_to(database, 0)


async def test_purges_at_once_share_the_work(
    postgres_catalogs: Sequence[Catalog], postgres_database: Database, wishes: MakeWishes
) -> None:
    """Purges of several gateways remove each row once, and wait for none that someone is writing."""
    catalog = postgres_catalogs[0]
    await catalog.create_stock("A", name=None, currency=None)
    await catalog.add_stocks([wish for user_id in USERS for wish in wishes(user_id, "A")])
    await catalog.delete_stock("A")
    async with postgres_database.writing() as connection:
        await UserTable(connection).lock(["user0"])
        await connection.execute(
            select(user_stock_subscription).where(user_stock_subscription.c.user_id == "user0").with_for_update()
        )
        removed = await asyncio.gather(*(Purge(postgres_database, chunk=2).purge() for _ in range(2)))

        assert sum(removed) == 6
    assert await Purge(postgres_database).purge() == 1
