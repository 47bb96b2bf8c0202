"""The catalog's service."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ticker_server.catalog.database import Database
from ticker_server.catalog.engine import open_database
from ticker_server.catalog.service import Catalog, RemovedStocks
from ticker_server.errors import DatabaseUnavailable, StockNotFound, UserNotFound
from ticker_server.model.change import (
    Change,
    StockCreated,
    StockDeleted,
    StockRenamed,
    SubscriptionChanged,
    SubscriptionRemoved,
    UserDeleted,
)
from ticker_server.model.stock import User
from ticker_server.model.subscription import Wish

CreateStocks = Callable[..., Awaitable[None]]
MakeWishes = Callable[..., Sequence[Wish]]


async def test_unknown_resources_are_named(bench: Any) -> None:
    """Every method that needs a stock or a user says which one does not exist, and changes nothing."""
    catalog: Catalog = bench.catalog
    for call in (
        catalog.get_stock("APPL"),
        catalog.update_stock("APPL", name="A"),
        catalog.delete_stock("APPL"),
    ):
        with pytest.raises(StockNotFound, match='stock "APPL" does not exist'):
            await call
    for other in (
        catalog.get_user("eve"),
        catalog.delete_user("eve"),
        catalog.remove_stocks("eve", ["AAPL"]),
        catalog.list_subscriptions("eve", after="", limit=1),
        catalog.subscriptions_of("eve"),
    ):
        with pytest.raises(UserNotFound, match='user "eve" does not exist'):
            await other
    assert bench.committed == []


async def test_stocks_are_listed_in_pages(catalog: Catalog, create_stocks: CreateStocks) -> None:
    """Stocks come in the order of their ids, deleted ones left out, page by page or all at once."""
    await create_stocks("MSFT", "AAPL", "IBM", "GOOG")
    await catalog.delete_stock("GOOG")

    assert [stock.stock_id for stock in await catalog.list_stocks()] == ["AAPL", "IBM", "MSFT"]
    assert [stock.stock_id for stock in await catalog.list_stocks(after="AAPL", limit=1)] == ["IBM"]


async def test_stock_is_renamed(bench: Any, create_stocks: CreateStocks) -> None:
    """A new name is stored and told; the same name again is nothing."""
    await create_stocks("AAPL")
    renamed = await bench.catalog.update_stock("AAPL", name="Apple")
    again = await bench.catalog.update_stock("AAPL", name="Apple")

    assert renamed == again == await bench.catalog.get_stock("AAPL")
    assert renamed.name == "Apple"
    assert bench.committed[1:] == [StockRenamed(renamed, 2)]


async def test_renamed_stock_keeps_its_past_hidden(bench: Any, create_stocks: CreateStocks) -> None:
    """A new name changes nothing of what is hidden."""
    await create_stocks("AAPL")
    await bench.catalog.delete_stock("AAPL")
    bench.newest["AAPL"] = 9
    await create_stocks("AAPL")

    assert (await bench.catalog.update_stock("AAPL", name="Apple")).hidden_through == 9


async def test_deleted_stock_ends_its_subscriptions(
    bench: Any, create_stocks: CreateStocks, wishes: MakeWishes
) -> None:
    """A deletion removes the stock's subscriptions, counts them, and is one change; a second one finds nothing."""
    await create_stocks("AAPL", "IBM")
    await bench.catalog.add_stocks([*wishes("ana", "AAPL", "IBM"), *wishes("ben", "AAPL")])
    bench.committed.clear()

    assert await bench.catalog.delete_stock("AAPL") == 2
    assert bench.committed == [StockDeleted("AAPL", 6)]
    assert [each.stock_id for each in await bench.catalog.subscriptions_of("ana")] == ["IBM"]
    assert await bench.catalog.subscriptions_of("ben") == []
    with pytest.raises(StockNotFound):
        await bench.catalog.delete_stock("AAPL")


async def test_created_again_stock_has_no_subscriptions(
    bench: Any, create_stocks: CreateStocks, wishes: MakeWishes
) -> None:
    """Subscriptions of a stock's former life do not come back; adding it again gets a higher revision."""
    await create_stocks("AAPL")
    (first,) = await bench.catalog.add_stocks(wishes("ana", "AAPL"))
    await bench.catalog.delete_stock("AAPL")
    await create_stocks("AAPL")
    assert await bench.catalog.subscriptions_of("ana") == []

    (second,) = await bench.catalog.add_stocks(wishes("ana", "AAPL"))
    assert second.created
    assert second.subscription.revision > first.subscription.revision


async def test_user_is_created_once(bench: Any) -> None:
    """Creating a user that exists returns it as it was."""
    user = await bench.catalog.create_user("ana")
    created = bench.clock.now
    bench.clock.now += 1

    assert user == await bench.catalog.create_user("ana") == await bench.catalog.get_user("ana")
    assert user == User("ana", created)


async def test_deleted_user_takes_its_subscriptions(
    bench: Any, create_stocks: CreateStocks, wishes: MakeWishes
) -> None:
    """A deletion removes the user and its subscriptions, counts them, and is one change; others keep theirs."""
    await create_stocks("AAPL", "IBM")
    await bench.catalog.add_stocks([*wishes("ana", "AAPL", "IBM"), *wishes("ben", "AAPL")])
    bench.committed.clear()

    assert await bench.catalog.delete_user("ana") == 2
    assert bench.committed == [UserDeleted("ana", 6)]
    with pytest.raises(UserNotFound):
        await bench.catalog.get_user("ana")
    assert len(await bench.catalog.subscriptions_of("ben")) == 1


async def test_revisions_grow_across_everything(
    bench: Any, create_stocks: CreateStocks, wishes: MakeWishes, database: Database
) -> None:
    """A user that was deleted and comes back gets revisions above all that it had, in an emptied outbox too."""
    await create_stocks("AAPL")
    await bench.catalog.add_stocks(wishes("ana", "AAPL"))
    await bench.catalog.delete_user("ana")
    async with database.writing() as connection:
        await connection.exec_driver_sql("DELETE FROM outbox")
    await bench.catalog.add_stocks(wishes("ana", "AAPL"))
    revisions = [change.revision for change in bench.committed]

    assert revisions == [1, 2, 3, 4]


async def test_removal_says_what_was_there(bench: Any, create_stocks: CreateStocks, wishes: MakeWishes) -> None:
    """Each stock is answered once, in the order asked for, as removed or as not subscribed, unknown ones too."""
    await create_stocks("AAPL", "IBM", "MSFT")
    await bench.catalog.add_stocks(wishes("ana", "AAPL", "IBM", "MSFT"))
    bench.committed.clear()
    result = await bench.catalog.remove_stocks("ana", ["NONE", "MSFT", "AAPL", "MSFT", "NONE"])

    assert result == RemovedStocks(removed=("MSFT", "AAPL"), not_subscribed=("NONE",))
    assert bench.committed == [SubscriptionRemoved("ana", "MSFT", 7), SubscriptionRemoved("ana", "AAPL", 8)]
    assert [each.stock_id for each in await bench.catalog.subscriptions_of("ana")] == ["IBM"]


async def test_removal_of_nothing_tells_nothing(bench: Any, create_stocks: CreateStocks, wishes: MakeWishes) -> None:
    """Removing what is not subscribed is no change."""
    await create_stocks("AAPL")
    await bench.catalog.create_user("ana")
    bench.committed.clear()

    assert await bench.catalog.remove_stocks("ana", ["AAPL"]) == RemovedStocks((), ("AAPL",))
    assert bench.committed == []


async def test_subscriptions_are_listed_in_pages(
    catalog: Catalog, create_stocks: CreateStocks, wishes: MakeWishes
) -> None:
    """Subscriptions come in the order of their stocks, page by page or all at once."""
    await create_stocks("MSFT", "AAPL", "IBM")
    await catalog.add_stocks(wishes("ana", "MSFT", "AAPL", "IBM"))
    everything = await catalog.subscriptions_of("ana")

    assert [each.stock_id for each in everything] == ["AAPL", "IBM", "MSFT"]
    assert await catalog.list_subscriptions("ana", after="", limit=2) == everything[:2]
    assert await catalog.list_subscriptions("ana", after="IBM", limit=2) == everything[2:]


async def test_change_and_its_outbox_row_are_one(bench: Any, create_stocks: CreateStocks, database: Database) -> None:
    """What is told after a commit stands in the outbox too."""
    await create_stocks("AAPL", "IBM")
    async with database.reading() as connection:
        rows = (await connection.exec_driver_sql("SELECT revision, kind, stock_id FROM outbox")).all()

    assert [tuple(row) for row in rows] == [(1, "stock_created", "AAPL"), (2, "stock_created", "IBM")]
    assert [change.revision for change in bench.committed] == [1, 2]


async def test_stock_deleted_while_added_leaves_no_subscription(
    bench: Any, create_stocks: CreateStocks, wishes: MakeWishes
) -> None:
    """Whichever of a deletion and many additions comes first, no subscription of the stock is left."""
    await create_stocks("AAPL")
    additions = [bench.catalog.add_stocks(wishes(f"user-{number}", "AAPL")) for number in range(10)]
    results = await asyncio.gather(
        *additions[:5], bench.catalog.delete_stock("AAPL"), *additions[5:], return_exceptions=True
    )
    added = [result for result in results if isinstance(result, list)]

    assert results[5] == len(added)
    assert sum(isinstance(change, SubscriptionChanged) for change in bench.committed) == len(added)
    for result in added:
        assert await bench.catalog.subscriptions_of(result[0].subscription.user_id) == []


async def test_outage_changes_nothing_and_tells_nothing(
    sqlite_database: Database, sqlite_file: Path, bench: Any
) -> None:
    """A change that the database does not take is an outage, and nothing is told of it."""
    told: list[Change] = []
    catalog = Catalog(
        sqlite_database, clock=bench.clock, newest_sequence=lambda _: 0, log_epoch=str, on_commit=told.extend
    )
    with closing(sqlite3.connect(sqlite_file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(DatabaseUnavailable):
            await catalog.create_stock("AAPL", name=None, currency=None)
        assert await catalog.list_stocks() == []
    stock = await catalog.create_stock("AAPL", name=None, currency=None)

    assert told == [StockCreated(stock, 1)]


@pytest.mark.parametrize("turns", [1, 2, 4, 8, 16])
async def test_cancelled_change_is_carried_through_and_told(bench: Any, database: Database, turns: int) -> None:
    """A change that has begun is stored and told although its caller is cancelled."""
    caller = asyncio.create_task(bench.catalog.create_stock("AAPL", name=None, currency=None))
    for _ in range(turns):
        await asyncio.sleep(0)  # let it come to another point
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    await database.close()

    assert [change.stock.stock_id for change in bench.committed] == ["AAPL"]


async def test_what_was_stored_survives_a_restart(
    bench: Any, create_stocks: CreateStocks, wishes: MakeWishes, database_url: str, database: Database
) -> None:
    """Another process that opens the same database finds what was answered."""
    await create_stocks("AAPL")
    (added,) = await bench.catalog.add_stocks(wishes("ana", "AAPL"))
    await database.close()
    reopened = open_database(database_url)
    catalog = Catalog(reopened, clock=bench.clock, newest_sequence=lambda _: 0, log_epoch=str, on_commit=lambda _: None)

    assert await catalog.subscriptions_of("ana") == [added.subscription]
    await reopened.close()
