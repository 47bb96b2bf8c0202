"""The share of one member."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from tests.ticker_server.history.test_fold import EMPTY, PARTITIONS, RawRecord, Skips, raw
from ticker_server.errors import DatabaseUnavailable, PriceLogUnavailable
from ticker_server.feed.kafka.consumer import RecordStream
from ticker_server.history.fold import PartitionFold, Step
from ticker_server.history.share import Share


class Rig:
    """A share of two partitions whose log and database fail as they are told."""

    def __init__(self) -> None:
        self.folds = {number: PartitionFold(number, PARTITIONS, EMPTY, Skips().note) for number in (0, 1)}
        self.share = Share(self.folds, confirm=self.confirm, store=self.store, due=self.due)
        self.stored: list[Step] = []
        self.checkpoints_due: set[tuple[int, int]] = set()
        self.log_error: Exception | None = None
        self.database_errors: dict[int, Exception] = {}

    async def confirm(self) -> None:
        """Find the log as it was, or fail."""
        if self.log_error is not None:
            raise self.log_error

    async def store(self, step: Step) -> None:
        """Take a step, or fail."""
        if step.partition in self.database_errors:
            raise self.database_errors[step.partition]
        self.stored.append(step)

    def due(self, partition: int, position: int) -> bool:
        """Tell what it was told."""
        return (partition, position) in self.checkpoints_due

    def steps(self) -> dict[int, tuple[int, int]]:
        """Return from where to where each partition was stored, and forget it."""
        stored, self.stored = self.stored, []
        return {one.partition: (one.read_from, one.next) for one in stored}


async def test_progress_is_stored_once() -> None:
    """What was folded is stored, per partition, and not a second time."""
    rig = Rig()
    rig.folds[0].fold([raw(0, "AAPL")], 1)
    rig.folds[1].fold([], 4)
    await rig.share.store()
    assert rig.steps() == {0: (0, 1), 1: (0, 4)}

    await rig.share.store()
    assert rig.steps() == {}


async def test_nothing_is_stored_of_a_log_that_does_not_answer() -> None:
    """Unless the log is confirmed after the records were read, they are not stored; they are when it is."""
    rig = Rig()
    rig.folds[0].fold([raw(0, "AAPL")], 1)
    rig.log_error = PriceLogUnavailable("away")
    with pytest.raises(PriceLogUnavailable):
        await rig.share.store()
    assert rig.steps() == {}

    rig.log_error = None
    await rig.share.store()
    assert rig.steps() == {0: (0, 1)}


async def test_partition_that_fails_stays_due() -> None:
    """A partition that could not be stored is stored later, from where it stood, with what came since."""
    rig = Rig()
    rig.folds[0].fold([raw(0, "AAPL")], 1)
    rig.folds[1].fold([raw(0, "MSFT")], 1)
    rig.database_errors[0] = DatabaseUnavailable("away")
    with pytest.raises(DatabaseUnavailable):
        await rig.share.store()
    assert rig.steps() == {1: (0, 1)}

    rig.database_errors.clear()
    rig.folds[0].fold([raw(1, "GOOG")], 2)
    await rig.share.store()
    assert [row[0] for row in rig.stored[0].prices] == ["AAPL", "GOOG"]
    assert rig.steps() == {0: (0, 2)}


async def test_whole_state_goes_with_a_step_that_is_due() -> None:
    """A step to a position where a checkpoint is due has the whole state, and so has the next one if it fails."""
    rig = Rig()
    rig.checkpoints_due = {(0, 2), (0, 3)}
    rig.folds[0].fold([raw(0, "AAPL")], 1)
    rig.folds[1].fold([raw(0, "GOOG")], 1)
    await rig.share.store()
    assert [one.state for one in rig.stored] == [None, None]

    rig.stored.clear()
    rig.folds[0].fold([raw(1, "MSFT")], 2)
    rig.database_errors[0] = DatabaseUnavailable("away")
    with pytest.raises(DatabaseUnavailable):
        await rig.share.store()
    rig.database_errors.clear()
    rig.folds[0].fold([], 3)
    await rig.share.store()

    (step,) = rig.stored
    assert step.state is not None
    assert [one.newest.stock_id for one in step.state] == ["AAPL", "MSFT"]


class Stream:
    """A stream that yields a tick of another stock each time; `taken` counts them."""

    def __init__(self) -> None:
        self.positions = {0: 0}
        self.taken = 0

    async def next(self) -> dict[int, list[RawRecord]]:
        """Return the next tick."""
        self.taken += 1
        self.positions[0] = self.taken
        return {0: [raw(self.taken - 1, f"S{self.taken}")]}


async def test_reading_waits_where_too_much_is_held() -> None:
    """A share that holds as many bars as it may reads on only when they are stored, and says that they should be."""
    rig = Rig()
    share = Share(rig.folds, confirm=rig.confirm, store=rig.store, due=rig.due, most_held=3)
    stream = Stream()
    reading = asyncio.create_task(share.read(cast("RecordStream", stream)))
    try:
        async with asyncio.timeout(5):
            await share.full.wait()
            assert stream.taken == 3

            rig.database_errors[0] = DatabaseUnavailable("away")
            with pytest.raises(DatabaseUnavailable):
                await share.store()
            await share.full.wait()
            assert stream.taken == 3

            rig.database_errors.clear()
            await share.store()
            await share.full.wait()
        assert stream.taken == 6
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
    assert [bar.stock_id for step in rig.stored for bar in step.bars] == ["S1", "S2", "S3"]
