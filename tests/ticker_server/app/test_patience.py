from __future__ import annotations

import math
from pathlib import Path

import pytest

from ticker_server.app.patience import migrated, patiently
from ticker_server.catalog import sqlite_url
from ticker_server.errors import CannotStart, DatabaseUnavailable


class Attempt:
    """Fails a number of times, then succeeds."""

    def __init__(self, failures: int, error: Exception) -> None:
        self.made = 0
        self._failures = failures
        self._error = error

    async def __call__(self) -> str:
        """Fail or succeed."""
        self.made += 1
        if self.made <= self._failures:
            raise self._error
        return "done"


async def test_what_is_there_is_not_waited_for() -> None:
    """An attempt that succeeds is made once, also without any patience."""
    attempt = Attempt(0, DatabaseUnavailable("away"))

    assert await patiently("database", attempt, 0.0) == "done"
    assert attempt.made == 1


async def test_what_comes_up_is_waited_for() -> None:
    """What is not available is tried again until it is."""
    attempt = Attempt(2, DatabaseUnavailable("away"))

    assert await patiently("database", attempt, math.inf, retry_seconds=0.0) == "done"
    assert attempt.made == 3


async def test_patience_ends() -> None:
    """After so many seconds the start goes on without."""
    attempt = Attempt(1_000_000, DatabaseUnavailable("away"))

    assert await patiently("database", attempt, 0.05, retry_seconds=0.0) is None
    assert attempt.made > 1


async def test_what_waiting_cannot_cure_is_raised() -> None:
    """What cannot be used at all is not tried again."""
    attempt = Attempt(1, CannotStart("no such database"))

    with pytest.raises(CannotStart):
        await patiently("database", attempt, math.inf)
    assert attempt.made == 1


async def test_migrated(tmp_path: Path) -> None:
    """A database that answers is brought to the newest schema."""
    assert await migrated(sqlite_url(tmp_path / "ticker.db")) is True


async def test_database_that_is_away() -> None:
    """A database that does not answer is an outage, which may pass."""
    with pytest.raises(DatabaseUnavailable):
        await migrated("postgresql://127.0.0.1:1/ticker")
