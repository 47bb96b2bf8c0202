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
        await table.insert(ALL)
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
    await subscriptions.replace([other])

    assert await subscriptions.list_after("ana", "", None) == [ALL[0], other, ALL[2]]
    assert await subscriptions.list_after("ben", "", None) == ALL[3:]


async def test_nothing_to_store_is_nothing(subscriptions: SubscriptionTable) -> None:
    """Empty batches change nothing."""
    await subscriptions.insert([])
    await subscriptions.replace([])
    await subscriptions.delete("ana", [])

    assert await subscriptions.count(["ana"]) == {"ana": 3}


async def test_deletions_are_counted(subscriptions: SubscriptionTable) -> None:
    """Subscriptions end one by one, for a stock, or for a user, and the last two say how many there were."""
    await subscriptions.delete("ana", ["A"])

    assert await subscriptions.delete_of_stock("A") == 1
    assert await subscriptions.delete_of_user("ana") == 2
    assert await subscriptions.delete_of_user("ana") == 0
    assert await subscriptions.count(["ana", "ben"]) == {"ben": 2}
