"""What DeleteStock and DeleteUser do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from ticker_server.catalog.database import Database
from ticker_server.catalog.purge import Purge
from ticker_server.catalog.service import Catalog
from ticker_server.errors import StockNotFound
from ticker_server.model.change import StockDeleted, UserDeleted
from ticker_server.model.subscription import Wish

CreateStocks = Callable[..., Awaitable[None]]
MakeWishes = Callable[..., Sequence[Wish]]


async def followers(catalog: Catalog, *user_ids: str) -> list[str]:
    """Return which of the users follow a stock."""
    return [user_id for user_id, found in (await catalog.subscriptions_of_all(user_ids)).items() if found]


async def test_deletion_ends_subscriptions_before_their_rows_go(
    bench: Any, create_stocks: CreateStocks, wishes: MakeWishes
) -> None:
    """As soon as a stock is deleted nobody follows it, by no way of asking, although no row is removed yet."""
    await create_stocks("AAPL")
    await bench.catalog.add_stocks([*wishes("ana", "AAPL"), *wishes("ben", "AAPL")])

    assert await bench.catalog.delete_stock("AAPL") == 2
    assert await bench.catalog.subscriptions_of("ana") == []
    assert await bench.catalog.list_subscriptions("ben") == []
    assert (await bench.catalog.remove_stocks("ana", ["AAPL"])).not_subscribed == ("AAPL",)
    assert await bench.catalog.delete_user("ben") == 0
    assert [change for change in bench.committed if isinstance(change, StockDeleted)] == [StockDeleted("AAPL", 4)]


async def test_new_life_inherits_no_follower(
    bench: Any, create_stocks: CreateStocks, wishes: MakeWishes, database: Database
) -> None:
    """A stock created again has the followers of its new life only, before and after the old rows are removed."""
    await create_stocks("AAPL")
    await bench.catalog.add_stocks([*wishes("ana", "AAPL"), *wishes("ben", "AAPL")])
    await bench.catalog.delete_stock("AAPL")
    await create_stocks("AAPL")
    (again,) = await bench.catalog.add_stocks(wishes("ben", "AAPL"))
    before = await followers(bench.catalog, "ana", "ben")
    removed = await Purge(database).purge()

    assert again.created
    assert removed == 1
    assert before == await followers(bench.catalog, "ana", "ben") == ["ben"]
    assert await bench.catalog.delete_stock("AAPL") == 1


async def test_ended_subscriptions_do_not_count_for_the_limit(
    bench: Any, create_stocks: CreateStocks, wishes: MakeWishes
) -> None:
    """A user whose stocks were deleted may follow as many others as before."""
    await create_stocks("A", "B", "C", "D", "E", "F")
    await bench.catalog.add_stocks(wishes("ana", "A", "B", "C"))
    for stock_id in "ABC":
        await bench.catalog.delete_stock(stock_id)

    await bench.catalog.add_stocks(wishes("ana", "D", "E", "F"))
    assert await bench.catalog.delete_user("ana") == 3
    assert bench.committed[-1] == UserDeleted("ana", 16)


async def test_deletion_meets_additions(postgres_catalogs: Sequence[Catalog], wishes: MakeWishes) -> None:
    """What is added while another gateway deletes the stock is counted as ended, or refused: none is left over."""
    one, other = postgres_catalogs
    for round_ in range(10):
        await one.create_stock("AAPL", name=None, currency=None)
        users = [f"user{round_}-{number}" for number in range(6)]
        ended, *added = await asyncio.gather(
            one.delete_stock("AAPL"),
            *(other.add_stocks(wishes(user_id, "AAPL")) for user_id in users),
            return_exceptions=True,
        )

        assert ended == sum(isinstance(each, list) for each in added)
        assert all(isinstance(each, list | StockNotFound) for each in added)
        assert await followers(one, *users) == []


async def test_stock_is_deleted_once(postgres_catalogs: Sequence[Catalog], wishes: MakeWishes) -> None:
    """Of two gateways that delete a stock at once, one counts its subscriptions and the other finds no stock."""
    one, other = postgres_catalogs
    await one.create_stock("AAPL", name=None, currency=None)
    await one.add_stocks(wishes("ana", "AAPL"))
    outcomes = await asyncio.gather(one.delete_stock("AAPL"), other.delete_stock("AAPL"), return_exceptions=True)

    assert {str(each) for each in outcomes if not isinstance(each, StockNotFound)} == {"1"}
    assert sum(isinstance(each, StockNotFound) for each in outcomes) == 1


async def test_unknown_stock_is_refused(postgres_catalogs: Sequence[Catalog]) -> None:
    """There is nothing to delete where there is no stock."""
    with pytest.raises(StockNotFound):
        await postgres_catalogs[0].delete_stock("NONE")
