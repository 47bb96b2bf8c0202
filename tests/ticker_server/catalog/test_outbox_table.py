"""The table of changes that are not yet published."""

from __future__ import annotations

from ticker_server.catalog.database import Database
from ticker_server.catalog.outbox_table import NO_REVISION, OutboxTable
from ticker_server.model.change import Change, SubscriptionRemoved


def removals(count: int) -> list[Change]:
    """Return changes that can be told apart."""
    return [SubscriptionRemoved("ana", f"S{number}", NO_REVISION) for number in range(count)]


async def test_revisions_grow_in_the_order_given(database: Database) -> None:
    """A thousand changes get growing revisions in their order, and come out in it."""
    async with database.writing() as connection:
        outbox = OutboxTable(connection)
        stored = await outbox.append(removals(1000))
        listed = await outbox.list_oldest(2000)

    assert [change.revision for change in stored] == list(range(1, 1001))
    assert [change.stock_id for change in stored if isinstance(change, SubscriptionRemoved)] == [
        f"S{number}" for number in range(1000)
    ]
    assert listed == stored == outbox.appended


async def test_revisions_survive_a_delete(database: Database) -> None:
    """A revision is never given twice, even when the outbox was emptied."""
    for expected in (1, 2, 3):
        async with database.writing() as connection:
            outbox = OutboxTable(connection)
            (change,) = await outbox.append(removals(1))
            await outbox.delete([change.revision])
        assert change.revision == expected


async def test_delete_forgets_only_what_is_named(database: Database) -> None:
    """A lower revision that is not named stays: it may have been committed late."""
    async with database.writing() as connection:
        outbox = OutboxTable(connection)
        await outbox.append(removals(3))
        await outbox.delete([2, 3])

        assert [change.revision for change in await outbox.list_oldest(10)] == [1]


async def test_list_has_the_oldest(database: Database) -> None:
    """A limited list has the lowest revisions."""
    async with database.writing() as connection:
        outbox = OutboxTable(connection)
        await outbox.append(removals(3))

        assert [change.revision for change in await outbox.list_oldest(2)] == [1, 2]


async def test_no_change_is_no_row(database: Database) -> None:
    """Appending nothing stores nothing."""
    async with database.writing() as connection:
        outbox = OutboxTable(connection)

        assert await outbox.append([]) == outbox.appended == await outbox.list_oldest(1) == []
