"""The snapshot in the database: what the sync server stores of the price log, and what a gateway starts from."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import structlog
from sqlalchemy import JSON, Text, cast, delete, func, insert, literal, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ticker_server.catalog import Database
from ticker_server.catalog.insertion import insert_missing
from ticker_server.catalog.sync_tables import latest_price, log_checkpoint, log_epoch, sync_position
from ticker_server.clock import Clock, SystemClock
from ticker_server.history.bar_table import write_bars
from ticker_server.history.checkpoint_table import newest_checkpoints, write_checkpoint
from ticker_server.history.fold import Step, StoredPartition
from ticker_server.history.moment import freeze
from ticker_server.history.pace import SPACING, Pace, Spacing, Written
from ticker_server.history.price_rows import COLUMNS, numberings_of
from ticker_server.history.price_table import write_prices
from ticker_server.history.retention import RETENTION, Retention
from ticker_server.history.tick_table import write_ticks
from ticker_server.model.acceptance import Numbering, Positions, Snapshot

__all__ = ["PositionMoved", "SnapshotStore"]

_SLICE = 2_000

# JSON as text: it is decoded for many rows at once.
_NUMBERING = [
    cast(column, Text) if isinstance((column := latest_price.c[name]).type, JSON) else column for name, _ in COLUMNS
]

_log = structlog.get_logger(__name__)


class PositionMoved(Exception):
    """The stored position is not where this member's fold began: another one has stored meanwhile, or a new epoch is.

    Nothing was stored. What is stored now has to be loaded again.
    """

    def __init__(self, step: Step) -> None:
        super().__init__(f"partition {step.partition} is not stored up to {step.read_from}")
        self.partition = step.partition


class SnapshotStore:
    """Positions and the state of acceptance, by epoch, in PostgreSQL.

    An epoch has an ordinal that grows with each new one. Only the newest can be stored and loaded: rows of older ones
    are overwritten as ticks come. All methods raise DatabaseUnavailable; none is left half done by a cancellation.

    With what it stores it writes checkpoints, as far apart as `spacing` says. `raw_ticks` tells whoever folds that it takes
    the ticks as well; those of days that `retention` does not keep are not written.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock | None = None,
        *,
        spacing: Spacing = SPACING,
        retention: Retention = RETENTION,
        raw_ticks: bool = False,
    ) -> None:
        self._database = database
        self._clock = clock or SystemClock()
        self._pace = Pace(spacing, self._clock)
        self._retention = retention
        self.raw_ticks = raw_ticks

    async def load(self, epoch: str) -> Snapshot | None:
        """Return everything stored of an epoch, as of one moment; None if that is nothing, or it is not the newest.

        A partition of which nothing is stored yet has the position 0, or none.
        """
        return await self._database.complete(self._load(epoch))

    async def newest_epoch(self) -> str:
        """Return the epoch that the sync server followed last, empty if there was none."""
        return await self._database.complete(self._newest_epoch())

    async def positions(self, epoch: str) -> Positions:
        """Return how far the log of an epoch has been stored, by partition; nothing if it is not the newest."""
        return await self._database.complete(self._positions_of(epoch))

    async def open_epoch(self, epoch: str) -> int:
        """Return the ordinal of an epoch that the log has now; make one unless it is the newest already."""
        return await self._database.complete(self._open_epoch(epoch))

    async def load_partitions(self, ordinal: int, partitions: Iterable[int]) -> Mapping[int, StoredPartition]:
        """Return what is stored of some partitions of an epoch, as of one moment; nothing = from the beginning."""
        return await self._database.complete(self._load_partitions(ordinal, sorted(partitions)))

    def checkpoint_due(self, ordinal: int, partition: int, position: int) -> bool:
        """Tell whether the step of a partition to this position should have its whole state, for a checkpoint."""
        return self._pace.due(ordinal, partition, position)

    async def store(self, ordinal: int, step: Step) -> None:
        """Store one partition's progress: its position and all that follows from it, or nothing at all.

        Raises:
            PositionMoved: The stored position is another one than the step goes on from.
        """
        await self._database.complete(self._store(ordinal, step))

    async def _load(self, epoch: str) -> Snapshot | None:
        async with self._database.reading() as connection:
            await freeze(connection)
            newest = (await connection.execute(_newest())).one_or_none()
            if newest is None or newest.epoch != epoch:
                return None
            positions = await _positions(connection, newest.ordinal, None)
            if not any(positions.values()):
                return None
            rows = await _rows(connection, newest.ordinal, None)
        return Snapshot(positions, await _numberings(rows))

    async def _positions_of(self, epoch: str) -> Positions:
        async with self._database.reading() as connection:
            newest = (await connection.execute(_newest())).one_or_none()
            if newest is None or newest.epoch != epoch:
                return {}
            return await _positions(connection, newest.ordinal, None)

    async def _newest_epoch(self) -> str:
        async with self._database.reading() as connection:
            newest = (await connection.execute(_newest())).one_or_none()
        return "" if newest is None else str(newest.epoch)

    async def _open_epoch(self, epoch: str) -> int:
        async with self._database.writing() as connection:
            # Of several members that see a new epoch at the same time, one makes its ordinal.
            await connection.execute(text("LOCK TABLE log_epoch IN SHARE ROW EXCLUSIVE MODE"))
            newest = (await connection.execute(_newest())).one_or_none()
            if newest is not None and newest.epoch == epoch:
                return int(newest.ordinal)
            made = insert(log_epoch).values(epoch=epoch, create_time_ns=self._clock.wall())
            ordinal = (await connection.execute(made.returning(log_epoch.c.ordinal))).scalar_one()
            # Of a former log, which nobody can read any more, or of a numbering that is given up.
            await connection.execute(delete(log_checkpoint))
        _log.warning("new epoch of the price log", epoch=epoch, ordinal=ordinal)
        return int(ordinal)

    async def _load_partitions(self, ordinal: int, partitions: Sequence[int]) -> Mapping[int, StoredPartition]:
        if not partitions:
            return {}
        async with self._database.writing() as connection:
            await insert_missing(
                connection,
                sync_position,
                [{"epoch_ordinal": ordinal, "log_partition": partition, "next": 0} for partition in partitions],
            )
        async with self._database.reading() as connection:
            await freeze(connection)
            positions = await _positions(connection, ordinal, partitions)
            rows = await _rows(connection, ordinal, partitions)
            checkpoints = await newest_checkpoints(connection, ordinal, partitions)
            counted = await _counted(connection, ordinal)
        self._pace.set_out(ordinal, {partition: checkpoints.get(partition) for partition in partitions})
        numberings: dict[int, list[Numbering]] = {partition: [] for partition in partitions}
        for row, numbering in zip(rows, await _numberings(rows), strict=True):
            numberings[row.log_partition].append(numbering)
        return {
            partition: StoredPartition(
                positions[partition], numberings[partition], ordinal, counted=counted.get(partition, 0)
            )
            for partition in partitions
        }

    async def _store(self, ordinal: int, step: Step) -> None:
        async with self._database.writing() as connection:
            if not await _advance(connection, ordinal, step):
                raise PositionMoved(step)
            await write_prices(connection, ordinal, step.partition, step.prices)
            await write_bars(connection, ordinal, step.bars)
            await write_ticks(connection, step.ticks, self._retention.oldest_tick_day(self._clock.wall()))
            if step.state is not None:
                written = Written(step.next, self._clock.wall())
                await write_checkpoint(connection, (ordinal, step.partition), written, step.state)
        if step.state is not None:
            self._pace.note(ordinal, step.partition, written)


async def _advance(connection: AsyncConnection, ordinal: int, step: Step) -> bool:
    """Move the position on, if it is still where the fold began and the epoch the newest; it stays locked then."""
    moved = await connection.execute(
        update(sync_position)
        .where(
            sync_position.c.epoch_ordinal == ordinal,
            sync_position.c.log_partition == step.partition,
            sync_position.c.next == step.read_from,
            literal(ordinal) == select(func.max(log_epoch.c.ordinal)).scalar_subquery(),
        )
        .values(next=step.next)
    )
    return moved.rowcount == 1


async def _positions(connection: AsyncConnection, ordinal: int, partitions: Sequence[int] | None) -> dict[int, int]:
    query = select(sync_position.c.log_partition, sync_position.c.next).where(sync_position.c.epoch_ordinal == ordinal)
    if partitions is not None:
        query = query.where(sync_position.c.log_partition.in_(partitions))
    return {row.log_partition: row.next for row in await connection.execute(query)}


async def _counted(connection: AsyncConnection, ordinal: int) -> dict[int, int]:
    """Return how far each partition was stored under former ordinals of the same epoch: so far its ticks are in bars."""
    former, present = log_epoch.alias(), log_epoch.alias()
    query = (
        select(sync_position.c.log_partition, func.max(sync_position.c.next))
        .join(former, former.c.ordinal == sync_position.c.epoch_ordinal)
        .join(present, (present.c.epoch == former.c.epoch) & (present.c.ordinal == ordinal))
        .where(former.c.ordinal < ordinal)
        .group_by(sync_position.c.log_partition)
    )
    return {partition: int(position) for partition, position in await connection.execute(query)}


async def _rows(connection: AsyncConnection, ordinal: int, partitions: Sequence[int] | None) -> Sequence[Any]:
    query = select(latest_price.c.log_partition, *_NUMBERING).where(latest_price.c.epoch_ordinal == ordinal)
    if partitions is not None:
        query = query.where(latest_price.c.log_partition.in_(partitions))
    return (await connection.execute(query)).all()


async def _numberings(rows: Sequence[Any]) -> list[Numbering]:
    numberings: list[Numbering] = []
    for start in range(0, len(rows), _SLICE):
        numberings.extend(numberings_of([row[1:] for row in rows[start : start + _SLICE]]))
        await asyncio.sleep(0)  # so many rows would hold up the others of the loop
    return numberings


def _newest() -> Any:
    return select(log_epoch.c.ordinal, log_epoch.c.epoch).order_by(log_epoch.c.ordinal.desc()).limit(1)
