"""The table of changes that are committed and not yet published, within one transaction."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from ticker_server.catalog.payload import change_from, change_values, with_revision
from ticker_server.catalog.tables import outbox as table
from ticker_server.model.change import Change

__all__ = ["NO_REVISION", "OutboxTable"]

NO_REVISION = 0
"""The revision of a change before the outbox has given it one."""


class OutboxTable:
    """Takes changes in, which gives them their revisions, and hands them out again."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self.appended: list[Change] = []
        """The changes of this transaction, with their revisions."""

    async def append(self, changes: Sequence[Change]) -> list[Change]:
        """Store changes; return them with their revisions, which grow in the order given."""
        if not changes:
            return []
        statement = insert(table).returning(table.c.revision, sort_by_parameter_order=True)
        revisions = (await self._connection.execute(statement, [change_values(each) for each in changes])).scalars()
        stored = [with_revision(change, revision) for change, revision in zip(changes, revisions, strict=True)]
        self.appended += stored
        return stored

    async def list_oldest(self, limit: int) -> list[Change]:
        """Return the changes with the lowest revisions, in their order."""
        statement = select(table).order_by(table.c.revision).limit(limit)
        return [change_from(row) for row in await self._connection.execute(statement)]

    async def delete(self, revisions: Collection[int]) -> None:
        """Forget published changes, each by its own revision.

        Never all up to a highest one: revisions are not handed out in the order of the commits, and one that was
        committed late would be lost.
        """
        await self._connection.execute(delete(table).where(table.c.revision.in_(revisions)))
