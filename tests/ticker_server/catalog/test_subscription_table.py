"""The table of subscriptions."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from ticker_server.catalog.database import Database
from ticker_server.catalog.stock_table import StockTable
from ticker_server.catalog.subscription_table import SubscriptionTable
from ticker_server.catalog.user_table import UserTable
from ticker_server.model.schedule import DEFAULT_WINDOW, Schedule
from ticker_server.model.stock import Stock
from ticker_server.model.subscription import Subscription


def subscription(user_id: str, stock_id: str) -> Subscription:
    """Return a subscription."""
    return Subscription(user_id, stock_id, 10**9, Schedule("Asia/Kolkata", DEFAULT_WINDOW), 1, 2, 3)


ALL = [subscription(user_id, stock_id) for user_id in ("ana", "ben") for stock_id in ("A", "B", "C")]


@pytest.fixture
async def subscriptions(database: Database) -> AsyncIterator[SubscriptionTable]:
    """Return the table within a transaction, with two users that follow three stocks each."""
    async with database.writing() as connection:
        await UserTable(connection).insert_missing(["ana", "ben", "eve"], 0)
        for stock_id in "ABC":
            await StockTable(connection).insert(Stock(stock_id, stock_id, "USD", 0))
        table = SubscriptionTable(connection)
        await table.store(ALL)
        yield table


async def test_subscriptions_are_found_by_key(subscriptions: SubscriptionTable) -> None:
    """Exactly the subscriptions with the given keys are found, not every pairing of the ids in them."""
    found = await subscriptions.find([("ana", "A"), ("ben", "B"), ("eve", "C")])

    assert found == {("ana", "A"): ALL[0], ("ben", "B"): ALL[4]}
    assert await subscriptions.find([]) == {}


async def test_a_thousand_keys_are_one_question(subscriptions: SubscriptionTable) -> None:
    """As many keys as a batch may have are found at once."""
    found = await subscriptions.find([("ana", "A"), *((f"u{number}", f"S{number}") for number in range(999))])

    assert list(found) == [("ana", "A")]


async def test_list_goes_on_after_a_stock(subscriptions: SubscriptionTable) -> None:
    """A list has one user's subscriptions in order, from where the one before ended."""
    assert await subscriptions.list_after("ana", "", None) == ALL[:3]
    assert await subscriptions.list_after("ana", "A", 1) == [ALL[1]]
    assert await subscriptions.list_after("eve", "", None) == []


async def test_counts_are_per_user(subscriptions: SubscriptionTable) -> None:
    """Each user's subscriptions are counted; who has none is left out."""
    assert await subscriptions.count(["ana", "ben", "eve"]) == {"ana": 3, "ben": 3}
    assert await subscriptions.count([]) == {}


async def test_replacing_changes_one_subscription(subscriptions: SubscriptionTable) -> None:
    """Another content replaces the one of the same key and no other."""
    other = replace(ALL[1], cadence=0, schedule=Schedule("UTC", None), revision=9, update_time=9)
    await subscriptions.store([other])

    assert await subscriptions.list_after("ana", "", None) == [ALL[0], other, ALL[2]]
    assert await subscriptions.list_after("ben", "", None) == ALL[3:]


async def test_nothing_to_store_is_nothing(subscriptions: SubscriptionTable) -> None:
    """Empty batches change nothing."""
    await subscriptions.store([])
    await subscriptions.delete("ana", [])

    assert await subscriptions.count(["ana"]) == {"ana": 3}


async def test_subscriptions_end_one_by_one_or_with_their_user(subscriptions: SubscriptionTable) -> None:
    """Removing some leaves the others; with a user all of its subscriptions go."""
    await subscriptions.delete("ana", ["A"])
    assert await subscriptions.list_after("ana", "", None) == ALL[1:3]

    await subscriptions.delete_of_user("ana")
    assert await subscriptions.count(["ana", "ben"]) == {"ben": 3}


async def test_many_users_are_listed_at_once(subscriptions: SubscriptionTable) -> None:
    """Each user that exists is listed with its subscriptions in order, or with none."""
    found = await subscriptions.list_of_users(["eve", "ben", "nobody", "ana"])

    assert found == {"ana": ALL[:3], "ben": ALL[3:], "eve": []}


@pytest.fixture
async def bereft(subscriptions: SubscriptionTable) -> SubscriptionTable:
    """Return the table after stock A was deleted by revision 4."""
    await StockTable(subscriptions._connection).bury("A", at=0, revision=4)
    return subscriptions


async def test_what_ended_with_its_stock_is_gone_for_readers(bereft: SubscriptionTable) -> None:
    """No way of reading shows a subscription that is not newer than its stock's deletion."""
    assert await bereft.list_after("ana", "", None) == ALL[1:3]
    assert await bereft.find([("ana", "A"), ("ana", "B")]) == {("ana", "B"): ALL[1]}
    assert await bereft.count(["ana"]) == {"ana": 2}
    assert await bereft.list_of_users(["ben"]) == {"ben": ALL[4:]}
    assert await bereft.count_of_stock("A") == 0
    assert await bereft.count_of_stock("B") == 2


async def test_ended_rows_go_in_small_numbers(bereft: SubscriptionTable) -> None:
    """What ended is removed up to a limit at a time; what was stored again meanwhile stays."""
    again = replace(ALL[3], revision=5)
    await bereft.store([again])

    assert await bereft.stocks_with_ended() == ["A"]
    assert [await bereft.delete_ended("A", 1) for _ in range(2)] == [1, 0]
    assert await bereft.stocks_with_ended() == []
    assert await bereft.count_of_stock("A") == 1
    assert await bereft.delete_ended("B", 10) == 0
