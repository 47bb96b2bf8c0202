"""The table of changes that are committed and not yet published, within one transaction."""

from __future__ import annotations

import zlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, delete, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from ticker_server.catalog.payload import change_from, change_values, with_revision
from ticker_server.catalog.tables import outbox as table
from ticker_server.model.change import Change

__all__ = ["NO_REVISION", "Claim", "OutboxTable"]

NO_REVISION = 0
"""The revision of a change before the outbox has given it one."""


_LOOK_AHEAD = 500
_BUCKETS = 64
"""How many parts the changes are divided into; the same for all gateways, or two could publish the same change."""
_LOCK_SPACE = 0x6F757462  # "outb"
_CLAIM = text(
    "SELECT bucket FROM unnest(CAST(:buckets AS int[])) AS bucket"
    " WHERE pg_try_advisory_xact_lock(:space, bucket) LIMIT :limit"
)


@dataclass(frozen=True, slots=True)
class Claim:
    """Changes that their holder alone may publish; `left_to_others` if there are some and others hold them all."""

    changes: list[Change]
    left_to_others: bool = False


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
        return [change_from(row) for row in await self._oldest(limit)]

    async def claim(self, limit: int) -> Claim:
        """Return the oldest changes that no other relay has claimed, and keep others from claiming them (PostgreSQL).

        The claim lasts until the end of the transaction and keeps nobody from reading or writing the catalog. It is
        on *buckets*: changes of one user, and of one stock, are in the same one. Per bucket there is one relay at a
        time, which begins with the oldest change, so those of a user, whose revisions are in the order of their
        commits, come out in that order. With a limit of 1 only one bucket is claimed.
        """
        look_ahead = max(limit, _LOOK_AHEAD)
        waiting = await self._oldest(look_ahead)
        if not waiting:
            return Claim([])
        claimed = await self._claim_buckets(list(dict.fromkeys(map(_bucket, waiting))), 1 if limit == 1 else _BUCKETS)
        # Read again under the claim: another relay may have published some of them in between.
        rows = [row for row in await self._oldest(look_ahead) if _bucket(row) in claimed] if claimed else []
        return Claim([change_from(row) for row in rows[:limit]], left_to_others=not claimed)

    async def _oldest(self, limit: int) -> Sequence[Row[Any]]:
        return (await self._connection.execute(select(table).order_by(table.c.revision).limit(limit))).all()

    async def _claim_buckets(self, buckets: list[int], limit: int) -> set[int]:
        found = await self._connection.execute(_CLAIM, {"space": _LOCK_SPACE, "buckets": buckets, "limit": limit})
        return set(found.scalars())

    async def delete(self, revisions: Collection[int]) -> None:
        """Forget published changes, each by its own revision.

        Never all up to a highest one: revisions are not handed out in the order of the commits, and one that was
        committed late would be lost.
        """
        await self._connection.execute(delete(table).where(table.c.revision.in_(revisions)))


def _bucket(row: Row[Any]) -> int:
    return zlib.crc32((row.user_id or f"/{row.stock_id}").encode()) % _BUCKETS
