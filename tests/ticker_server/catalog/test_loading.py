"""Loading the subscriptions of many users at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncConnection

from ticker_server.catalog.database import Database
from ticker_server.catalog.loading import SubscriptionLoader
from ticker_server.catalog.service import Catalog
from ticker_server.catalog.user_table import UserTable
from ticker_server.errors import DatabaseUnavailable, UserNotFound
from ticker_server.model.subscription import Subscription, Wish

CreateStocks = Callable[..., Awaitable[None]]
MakeWishes = Callable[..., Sequence[Wish]]


class Gate(Database):
    """A database whose reads wait while the gate is shut, and fail if they are told to."""

    def __init__(self, inner: Database) -> None:
        super().__init__(inner._engine, answer_seconds=inner.answer_seconds)
        self.reads = 0
        self.failure: Exception | None = None
        self.open = asyncio.Event()
        self.open.set()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """Begin a read, once the gate is open."""
        self.reads += 1
        failure = self.failure
        await self.open.wait()
        if failure is not None:
            raise failure
        async with super().reading() as connection:
            yield connection


@pytest.fixture
async def gate(database: Database) -> AsyncIterator[Gate]:
    """Return a gate before the database, open."""
    gate = Gate(database)
    yield gate
    gate.answer_seconds = None
    await gate.close()


@pytest.fixture
async def _stored(catalog: Catalog, create_stocks: CreateStocks, wishes: MakeWishes) -> None:
    """Store subscriptions of ana and ben, and a user eve without any."""
    await create_stocks("A", "B", "C")
    await catalog.add_stocks([*wishes("ana", "C", "A"), *wishes("ben", "B")])
    await catalog.create_user("eve")


def stock_ids(subscriptions: Sequence[Subscription]) -> list[str]:
    """Return the stocks of subscriptions."""
    return [each.stock_id for each in subscriptions]


async def in_flight(gate: Gate, count: int) -> None:
    """Wait until so many reads have begun."""
    while gate.reads < count:  # noqa: ASYNC110 - the loader has no event for it
        await asyncio.sleep(0)  # let the loader go on


@pytest.mark.usefixtures("_stored")
async def test_each_caller_gets_its_own(database: Database) -> None:
    """Callers at once each get their user's subscriptions in order; one that does not exist fails for its caller."""
    loader = SubscriptionLoader(database)
    ana, ben, eve, nobody, ana_again = await asyncio.gather(
        *(loader.load(user_id) for user_id in ("ana", "ben", "eve", "nobody", "ana")), return_exceptions=True
    )

    assert not isinstance(ana, BaseException)
    assert not isinstance(ben, BaseException)
    assert (stock_ids(ana), stock_ids(ben), eve) == (["A", "C"], ["B"], [])
    assert {each.user_id for each in ana} == {"ana"}
    assert isinstance(nobody, UserNotFound)
    assert ana_again == ana
    assert ana_again is not ana


@pytest.mark.usefixtures("_stored")
async def test_many_are_loaded_by_name(database: Database) -> None:
    """All users asked for come at once, those without subscriptions too; who does not exist is left out."""
    found = await SubscriptionLoader(database, batch=2).load_many(["eve", "nobody", "ben", "ana", "ana"])

    assert {user_id: stock_ids(each) for user_id, each in found.items()} == {"ana": ["A", "C"], "ben": ["B"], "eve": []}
    assert await SubscriptionLoader(database).load_many([]) == {}


async def test_ten_thousand_callers_need_few_queries(database: Database) -> None:
    """Ten thousand users that come back at once are loaded by some twenty queries."""
    users = [f"user{number}" for number in range(10_000)]
    async with database.writing() as connection:
        await UserTable(connection).insert_missing(users, 0)
    queries: list[Any] = []
    event.listen(database._engine.sync_engine, "before_cursor_execute", lambda *arguments: queries.append(arguments[2]))
    loader = SubscriptionLoader(database)
    found = await asyncio.gather(*(loader.load(user_id) for user_id in users))

    assert found == [[]] * 10_000
    assert len([each for each in queries if "user_stock_subscription" in each]) <= 22


async def test_late_caller_is_not_served_by_an_early_query(
    gate: Gate, catalog: Catalog, create_stocks: CreateStocks, wishes: MakeWishes
) -> None:
    """Who calls after a change sees it, even if a query for the same user is under way."""
    await create_stocks("A")
    await catalog.create_user("ana")
    gate.open.clear()
    loader = SubscriptionLoader(gate)
    early = asyncio.create_task(loader.load("ana"))
    await in_flight(gate, 1)
    await catalog.add_stocks(wishes("ana", "A"))
    late = asyncio.create_task(loader.load("ana"))
    await in_flight(gate, 2)
    gate.open.set()

    await early
    assert stock_ids(await late) == ["A"]


@pytest.mark.usefixtures("_stored")
async def test_callers_wait_for_the_next_query_together(gate: Gate) -> None:
    """While two queries are under way all further callers gather for one."""
    gate.open.clear()
    loader = SubscriptionLoader(gate)
    callers = []
    for count, user_id in enumerate(("ana", "ben"), 1):
        callers.append(asyncio.create_task(loader.load(user_id)))
        await in_flight(gate, count)
    callers += [asyncio.create_task(loader.load(user_id)) for user_id in ("ana", "eve", "ben")]
    await asyncio.sleep(0)  # let them call
    gate.open.set()
    await asyncio.gather(*callers)

    assert gate.reads == 3


@pytest.mark.usefixtures("_stored")
async def test_failed_query_fails_its_callers_only(gate: Gate) -> None:
    """Whoever a failed query was for is told, and nobody else."""
    gate.open.clear()
    gate.failure = DatabaseUnavailable("gone")
    loader = SubscriptionLoader(gate, in_flight=1)
    unlucky = [asyncio.create_task(loader.load(user_id)) for user_id in ("ana", "eve")]
    await in_flight(gate, 1)
    gate.failure = None
    lucky = asyncio.create_task(loader.load("ben"))
    gate.open.set()
    outcomes = await asyncio.gather(*unlucky, return_exceptions=True)

    assert [type(each) for each in outcomes] == [DatabaseUnavailable] * 2
    assert stock_ids(await lucky) == ["B"]


@pytest.mark.usefixtures("_stored")
async def test_cancelled_caller_disturbs_nobody(gate: Gate) -> None:
    """A caller that goes away, before its query or during it, leaves the others their answers."""
    gate.open.clear()
    loader = SubscriptionLoader(gate, in_flight=1)
    first = [asyncio.create_task(loader.load(user_id)) for user_id in ("ana", "ana", "ben")]
    await in_flight(gate, 1)
    waiting = [asyncio.create_task(loader.load(user_id)) for user_id in ("ana", "ben", "ben")]
    await asyncio.sleep(0)  # let them call
    for gone in (first[0], waiting[0], waiting[1]):
        gone.cancel()
    await asyncio.wait([first[0], waiting[0], waiting[1]])
    gate.open.set()

    assert stock_ids(await first[1]) == ["A", "C"]
    assert stock_ids(await first[2]) == stock_ids(await waiting[2]) == ["B"]


async def test_failure_after_all_callers_have_gone_is_nobodys(gate: Gate) -> None:
    """A query that fails when nobody waits for it any more leaves nothing behind, and the next caller is served."""
    gate.open.clear()
    gate.failure = DatabaseUnavailable("gone")
    loader = SubscriptionLoader(gate, in_flight=1)
    caller = asyncio.create_task(loader.load("ana"))
    await in_flight(gate, 1)
    caller.cancel()
    await asyncio.wait([caller])
    gate.failure = None
    gate.open.set()

    with pytest.raises(UserNotFound):
        await loader.load("ana")


async def test_caller_is_not_kept_waiting_by_a_database_that_hangs(gate: Gate) -> None:
    """A caller whose turn does not come in time is told to come again, and is not loaded for nobody later."""
    gate.answer_seconds = 0.01
    gate.open.clear()
    loader = SubscriptionLoader(gate, in_flight=1)
    for user_id in ("ana", "ben"):
        with pytest.raises(DatabaseUnavailable):
            await loader.load(user_id)
    gate.open.set()

    assert loader._waiting == {}
