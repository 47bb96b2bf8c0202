"""The checkpoints of the price log in PostgreSQL, for whoever reads it from an old position."""

from __future__ import annotations

import asyncio
from typing import Any

import structlog
from sqlalchemy import Select, func, select

from ticker_server.catalog import Database
from ticker_server.catalog.sync_tables import log_checkpoint, log_epoch
from ticker_server.history.packing import Unreadable, unpack
from ticker_server.model.acceptance import Checkpoint

__all__ = ["CheckpointStore"]

_log = structlog.get_logger(__name__)


class CheckpointStore:
    """What the sync server has kept of former states of acceptance, by epoch and partition.

    Each is exact, but where the log has been pruned above its position the fold cannot go on from it. Of an epoch that is
    not the newest there are none. A checkpoint that cannot be read, because it is damaged or of a newer program, is told
    in the log and taken for none.

    All methods raise DatabaseUnavailable.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def at_or_below(self, epoch: str, partition: int, position: int) -> Checkpoint | None:
        """Return the newest checkpoint at or below a position, None if there is none."""
        columns = log_checkpoint.c
        found = _of(epoch, partition).where(columns.position <= position).order_by(columns.position.desc())
        return await self._database.complete(self._first(found.limit(1)))

    async def oldest(self, epoch: str, partition: int, position: int = 0) -> Checkpoint | None:
        """Return the oldest checkpoint at or above a position, such as the log's oldest record; None if there is none."""
        columns = log_checkpoint.c
        found = _of(epoch, partition).where(columns.position >= position).order_by(columns.position)
        return await self._database.complete(self._first(found.limit(1)))

    async def _first(self, query: Select[Any]) -> Checkpoint | None:
        async with self._database.reading() as connection:
            row = (await connection.execute(query)).one_or_none()
        if row is None:
            return None
        try:
            # 3 us per stock, which would hold up the others of the loop.
            return Checkpoint(row.position, await asyncio.to_thread(unpack, bytes(row.state)))
        except Unreadable as error:
            _log.error(
                "checkpoint cannot be read", partition=row.log_partition, position=row.position, because=str(error)
            )
            return None


def _of(epoch: str, partition: int) -> Select[Any]:
    """Select from the checkpoints of a partition of an epoch that is the newest."""
    columns = log_checkpoint.c
    newest = select(func.max(log_epoch.c.ordinal)).scalar_subquery()
    return (
        select(columns.log_partition, columns.position, columns.state)
        .join(log_epoch, log_epoch.c.ordinal == columns.epoch_ordinal)
        .where(log_epoch.c.ordinal == newest, log_epoch.c.epoch == epoch, columns.log_partition == partition)
    )
