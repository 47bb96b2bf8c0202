"""What AddStock and BatchAddStocks do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from random import Random
from typing import Any

import pytest

from ticker_server.catalog.addition import AddedStock
from ticker_server.catalog.service import Catalog
from ticker_server.errors import LimitExceeded, StockNotFound, UserNotFound
from ticker_server.model.change import SubscriptionChanged
from ticker_server.model.schedule import DEFAULT_WINDOW, Schedule, Window
from ticker_server.model.subscription import EVERY_TICK, Subscription, Wish

MakeWishes = Callable[..., Sequence[Wish]]


@pytest.fixture(autouse=True)
async def stocks(create_stocks: Callable[..., Awaitable[None]], bench: Any) -> None:
    """Create some stocks."""
    await create_stocks("AAPL", "IBM", "MSFT", "GOOG")
    bench.committed.clear()


async def test_wish_is_stored(bench: Any) -> None:
    """A wish becomes a subscription with a revision, its user is created, and the change is told."""
    wish = Wish("ana", "AAPL", 10**9, Schedule("Europe/Berlin", Window(1320, 360, (1, 5))))
    (added,) = await bench.catalog.add_stocks([wish])

    now = bench.clock.now
    subscription = Subscription("ana", "AAPL", wish.cadence, wish.schedule, 5, now, now)
    assert added == AddedStock(subscription, created=True)
    assert await bench.catalog.subscriptions_of("ana") == [subscription]
    assert (await bench.catalog.get_user("ana")).create_time == now
    assert bench.committed == [SubscriptionChanged(subscription)]


async def test_same_wish_again_changes_nothing(bench: Any, wishes: MakeWishes) -> None:
    """A wish that is stored already is answered with what is stored; its revision and times stay, nothing is told."""
    (first,) = await bench.catalog.add_stocks(wishes("ana", "AAPL"))
    bench.clock.now += 1
    (second,) = await bench.catalog.add_stocks(wishes("ana", "AAPL"))

    assert second == AddedStock(first.subscription, created=False)
    assert len(bench.committed) == 1


@pytest.mark.parametrize(
    "changed",
    [
        Wish("ana", "AAPL", EVERY_TICK, Schedule("UTC", None)),
        Wish("ana", "AAPL", 5 * 10**9, Schedule("Asia/Kolkata", None)),
        Wish("ana", "AAPL", 5 * 10**9, Schedule("UTC", DEFAULT_WINDOW)),
    ],
)
async def test_other_wish_replaces_the_stored_one(bench: Any, wishes: MakeWishes, changed: Wish) -> None:
    """A wish that differs replaces the stored one as a whole, under a higher revision; the create time stays."""
    (first,) = await bench.catalog.add_stocks(wishes("ana", "AAPL"))
    bench.clock.now += 1
    (second,) = await bench.catalog.add_stocks([changed])

    assert not second.created
    assert (second.subscription.cadence, second.subscription.schedule) == (changed.cadence, changed.schedule)
    assert second.subscription.revision > first.subscription.revision
    assert second.subscription.create_time == first.subscription.create_time
    assert second.subscription.update_time == bench.clock.now
    assert await bench.catalog.subscriptions_of("ana") == [second.subscription]


async def test_batch_stores_wishes_of_several_users(bench: Any, wishes: MakeWishes) -> None:
    """A batch stores what is new, leaves what is the same, and answers each wish in order."""
    await bench.catalog.add_stocks(wishes("ben", "IBM"))
    results = await bench.catalog.add_stocks([*wishes("ben", "MSFT", "IBM"), *wishes("ana", "AAPL")])

    assert [(each.subscription.user_id, each.subscription.stock_id, each.created) for each in results] == [
        ("ben", "MSFT", True),
        ("ben", "IBM", False),
        ("ana", "AAPL", True),
    ]
    assert [change.revision for change in bench.committed] == [5, 6, 7]


async def test_last_wish_for_a_stock_counts(bench: Any, wishes: MakeWishes) -> None:
    """Of several wishes in a batch for one stock of a user the last one is stored, and each answer shows it."""
    results = await bench.catalog.add_stocks(
        [*wishes("ana", "AAPL", cadence=10**9), *wishes("ana", "AAPL", cadence=2 * 10**9)]
    )
    (stored,) = await bench.catalog.subscriptions_of("ana")

    assert stored.cadence == 2 * 10**9
    assert results == [AddedStock(stored, created=True), AddedStock(stored, created=False)]
    assert len(bench.committed) == 1


async def test_unknown_stock_stops_the_whole_batch(bench: Any, wishes: MakeWishes) -> None:
    """A batch with an unknown stock names it by its place, and stores nothing, no user either."""
    with pytest.raises(StockNotFound) as caught:
        await bench.catalog.add_stocks([*wishes("ana", "AAPL", "APPL"), *wishes("ben", "NONE")])

    assert str(caught.value).startswith('STOCK_NOT_FOUND: requests[1].stock_id: stock "APPL" does not exist')
    for user_id in ("ana", "ben"):
        with pytest.raises(UserNotFound):
            await bench.catalog.get_user(user_id)
    assert bench.committed == []


async def test_place_of_an_unknown_stock_is_the_callers(bench: Any, wishes: MakeWishes) -> None:
    """A single wish has no place by default, and the caller may say what the places are called."""
    with pytest.raises(StockNotFound, match=r'^STOCK_NOT_FOUND: stock "APPL"') as caught:
        await bench.catalog.add_stocks(wishes("ana", "APPL"))
    assert caught.value.resource_name == "APPL"

    with pytest.raises(StockNotFound, match="line 1: stock"):
        await bench.catalog.add_stocks(wishes("ana", "AAPL", "APPL"), field="line {}".format)


async def test_deleted_stock_is_unknown(bench: Any, wishes: MakeWishes) -> None:
    """A tombstone cannot be subscribed to."""
    await bench.catalog.delete_stock("AAPL")

    with pytest.raises(StockNotFound):
        await bench.catalog.add_stocks(wishes("ana", "AAPL"))


async def test_limit_is_exact(bench: Any, wishes: MakeWishes) -> None:
    """A user at the limit can replace what it has and add no more; the refusal says whose limit it is."""
    await bench.catalog.add_stocks(wishes("ana", "AAPL", "IBM", "MSFT"))
    await bench.catalog.add_stocks(wishes("ana", "AAPL", "IBM", "MSFT", cadence=EVERY_TICK))
    with pytest.raises(LimitExceeded) as caught:
        await bench.catalog.add_stocks([*wishes("ben", "AAPL"), *wishes("ana", "GOOG")])

    assert (caught.value.reason, caught.value.subject) == ("SUBSCRIPTION_LIMIT", "user:ana")
    assert 'user "ana" would have 4 subscriptions, but at most 3 are allowed' in caught.value.message
    with pytest.raises(UserNotFound):
        await bench.catalog.get_user("ben")

    await bench.catalog.remove_stocks("ana", ["IBM"])
    await bench.catalog.add_stocks(wishes("ana", "GOOG"))


async def test_repeats_count_once_for_the_limit(bench: Any, wishes: MakeWishes) -> None:
    """Wishes for one stock are one subscription when the limit is judged."""
    await bench.catalog.add_stocks(wishes("ana", "AAPL", "AAPL", "IBM", "IBM", "MSFT"))

    assert len(await bench.catalog.subscriptions_of("ana")) == 3


async def test_limit_holds_for_users_at_once(bench: Any, wishes: MakeWishes) -> None:
    """Two users that each add four stocks at the same time end with exactly the three that are allowed."""
    additions = [
        bench.catalog.add_stocks(wishes(user_id, stock_id))
        for stock_id in ("AAPL", "IBM", "MSFT", "GOOG")
        for user_id in ("ana", "ben")
    ]
    results = await asyncio.gather(*additions, return_exceptions=True)

    assert sum(isinstance(result, LimitExceeded) for result in results) == 2
    for user_id in ("ana", "ben"):
        assert len(await bench.catalog.subscriptions_of(user_id)) == 3


async def test_changes_at_once_are_each_told(bench: Any, wishes: MakeWishes) -> None:
    """Eight tasks that each replace one subscription ten times get 80 revisions, and the highest is what is stored."""

    async def replace(task: int) -> None:
        for turn in range(10):
            await bench.catalog.add_stocks(wishes("ana", "AAPL", cadence=10**9 + task * 100 + turn))

    await asyncio.gather(*(replace(task) for task in range(8)))
    revisions = [change.revision for change in bench.committed]
    (stored,) = await bench.catalog.subscriptions_of("ana")

    assert len(set(revisions)) == len(revisions) == 80
    assert max(bench.committed, key=lambda change: change.revision) == SubscriptionChanged(stored)


async def test_largest_batch_is_stored(bench: Any, wishes: MakeWishes) -> None:
    """A batch of a thousand users is one transaction."""
    batch = [wish for number in range(1000) for wish in wishes(f"user-{number}", "AAPL")]
    results = await bench.catalog.add_stocks(batch)

    assert all(result.created for result in results)
    assert [change.revision for change in bench.committed] == list(range(5, 1005))


async def test_empty_batch_is_nothing(bench: Any) -> None:
    """No wishes, no results."""
    assert await bench.catalog.add_stocks([]) == []
    assert bench.committed == []


async def test_gateways_keep_the_limit_together(postgres_catalogs: Sequence[Catalog], wishes: MakeWishes) -> None:
    """Two gateways that add for one user at once do not get past the limit of three."""
    one, other = postgres_catalogs
    for stock_id in ("A", "B", "C", "D"):
        await one.create_stock(stock_id, name=None, currency=None)
    for round_ in range(10):
        user_id = f"user{round_}"
        await one.add_stocks(wishes(user_id, "A", "B"))
        outcomes = await asyncio.gather(
            one.add_stocks(wishes(user_id, "C")), other.add_stocks(wishes(user_id, "D")), return_exceptions=True
        )

        assert sorted(type(each).__name__ for each in outcomes) == ["LimitExceeded", "list"]
        assert len(await one.subscriptions_of(user_id)) == 3


async def test_new_user_is_made_once_by_many(postgres_catalogs: Sequence[Catalog], wishes: MakeWishes) -> None:
    """A user that several gateways need at once is made by one of them, and all their wishes are stored."""
    for stock_id in ("A", "B", "C"):
        await postgres_catalogs[0].create_stock(stock_id, name=None, currency=None)
    for round_ in range(10):
        user_id = f"user{round_}"
        await asyncio.gather(
            *(
                postgres_catalogs[number % 2].add_stocks(wishes(user_id, stock_id))
                for number, stock_id in enumerate("ABC")
            )
        )
        stored = await postgres_catalogs[0].subscriptions_of(user_id)

        assert [each.stock_id for each in stored] == ["A", "B", "C"]


async def test_batches_of_many_users_do_not_block_each_other(
    postgres_catalogs: Sequence[Catalog], wishes: MakeWishes
) -> None:
    """Batches for the same users, new ones and old ones in any order, all come through: there is no deadlock."""
    await postgres_catalogs[0].create_stock("A", name=None, currency=None)
    random = Random(7)
    for _ in range(15):
        users = [f"user{random.randrange(60)}" for _ in range(12)]
        batches = [random.sample(users, len(users)) for _ in range(6)]
        await asyncio.gather(
            *(
                postgres_catalogs[number % 2].add_stocks([wish for user_id in batch for wish in wishes(user_id, "A")])
                for number, batch in enumerate(batches)
            )
        )


async def test_adding_meets_the_end_of_its_user(postgres_catalogs: Sequence[Catalog], wishes: MakeWishes) -> None:
    """A user that is deleted while a stock is added for it is gone, or made anew with that stock alone."""
    one, other = postgres_catalogs
    for stock_id in ("A", "B"):
        await one.create_stock(stock_id, name=None, currency=None)
    for round_ in range(10):
        user_id = f"user{round_}"
        await one.add_stocks(wishes(user_id, "A"))
        await asyncio.gather(
            one.delete_user(user_id), other.add_stocks(wishes(user_id, "B")), other.create_user(user_id)
        )
        left = await one.subscriptions_of_all([user_id])

        assert left in ({}, {user_id: []}) or [each.stock_id for each in left[user_id]] == ["B"]
