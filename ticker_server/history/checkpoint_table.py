"""Rows of `log_checkpoint` within the transaction that stores a step: writing one, and thinning out the others."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from sqlalchemy import and_, delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from ticker_server.catalog.sync_tables import log_checkpoint
from ticker_server.history.pace import Written
from ticker_server.history.packing import pack
from ticker_server.history.thinning import Mark, dispensable
from ticker_server.model.acceptance import Numbering

__all__ = ["newest_checkpoints", "write_checkpoint"]


async def newest_checkpoints(
    connection: AsyncConnection, ordinal: int, partitions: Sequence[int]
) -> Mapping[int, Written]:
    """Return the newest checkpoint of each partition that has one."""
    rows = await connection.execute(
        select(
            log_checkpoint.c.log_partition,
            func.max(log_checkpoint.c.position),
            func.max(log_checkpoint.c.create_time_ns),
        )
        .where(log_checkpoint.c.epoch_ordinal == ordinal, log_checkpoint.c.log_partition.in_(partitions))
        .group_by(log_checkpoint.c.log_partition)
    )
    return {partition: Written(position, time) for partition, position, time in rows}


async def write_checkpoint(
    connection: AsyncConnection, place: tuple[int, int], written: Written, state: Sequence[Numbering]
) -> None:
    """Write a checkpoint of a partition, `place` = ordinal of the epoch and partition, and delete what it makes dispensable.

    The caller has moved the partition's position there in the same transaction, and so has it for itself.
    """
    columns = log_checkpoint.c
    of_the_partition = and_(columns.epoch_ordinal == place[0], columns.log_partition == place[1])
    former = await connection.execute(
        select(columns.position, columns.accept_time_ns).where(of_the_partition).order_by(columns.position)
    )
    marks = [Mark(*row) for row in former]
    # A stored position does not go back; where somebody has set it back, what lies ahead is of a fold that is given up.
    gone = [mark for mark in marks if mark.position >= written.position]
    accept_time = max((numbering.newest.accept_time for numbering in state), default=0)
    gone += dispensable([*marks[: len(marks) - len(gone)], Mark(written.position, accept_time)])
    if gone:
        await connection.execute(
            delete(log_checkpoint).where(of_the_partition, columns.position.in_([mark.position for mark in gone]))
        )
    # Packing takes 3 us per stock, and nobody else waits for what this transaction has locked.
    packed = await asyncio.to_thread(pack, state)
    await connection.execute(
        insert(log_checkpoint).values(
            epoch_ordinal=place[0],
            log_partition=place[1],
            position=written.position,
            accept_time_ns=accept_time,
            create_time_ns=written.time,
            state=packed,
        )
    )
