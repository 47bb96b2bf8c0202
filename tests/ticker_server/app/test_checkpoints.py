"""Checkpoints of the sync server, found for a replay."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from structlog.testing import capture_logs

from ticker_server.app.checkpoints import StoredStates
from ticker_server.errors import DatabaseUnavailable, PriceLogUnavailable
from ticker_server.model.acceptance import Checkpoint


class Store:
    """Checkpoints of one partition at some positions."""

    def __init__(self, *positions: int, failure: Exception | None = None) -> None:
        self._positions = positions
        self._failure = failure

    async def at_or_below(self, epoch: str, partition: int, position: int) -> Checkpoint | None:
        """Return the newest one at or below a position."""
        return self._found(epoch, partition, [each for each in self._positions[::-1] if each <= position])

    async def oldest(self, epoch: str, partition: int, position: int = 0) -> Checkpoint | None:
        """Return the oldest one at or above a position."""
        return self._found(epoch, partition, [each for each in self._positions if each >= position])

    def _found(self, epoch: str, partition: int, positions: Sequence[int]) -> Checkpoint | None:
        assert (epoch, partition) == ("e", 3)
        if self._failure is not None:
            raise self._failure
        return Checkpoint(positions[0], ()) if positions else None


async def found(store: Store, position: int, beginning: int) -> int | None:
    """Return the position of the state that is found."""
    state = await StoredStates(store, "e").find(3, position, beginning)  # type: ignore[arg-type]
    return None if state is None else state.position


async def test_nearest_state() -> None:
    """It is the nearest one at or below the position, else the oldest above the log's beginning."""
    store = Store(10, 20, 30)

    assert [await found(store, position, 0) for position in (25, 20, 9)] == [20, 20, 10]
    assert await found(store, 25, 22) == 30
    assert await found(store, 25, 31) is None
    assert await found(Store(), 5, 0) is None


async def test_database_that_does_not_answer() -> None:
    """While the database is away the replay is to wait."""
    with pytest.raises(PriceLogUnavailable):
        await found(Store(failure=DatabaseUnavailable("away")), 5, 0)


async def test_table_that_may_not_be_read() -> None:
    """A gateway without the right to read checkpoints goes on without them, and says so."""
    with capture_logs() as lines:
        assert await found(Store(failure=RuntimeError("permission denied")), 5, 0) is None

    assert [line["log_level"] for line in lines] == ["error"]
