from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import accumulate
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ticker_server.feed.sqlite.storage import Storage
from ticker_server.model.acceptance import Numbering
from ticker_server.model.tick import AcceptedTick


@pytest.fixture
def path(tmp_path: Path, migrated_file: Path) -> Path:
    """Return a migrated, empty file."""
    return Path(shutil.copy(migrated_file, tmp_path))


@pytest.fixture
def storage(path: Path) -> Iterator[Storage]:
    """Return a storage on an empty file."""
    opened = Storage(path)
    yield opened
    opened.close()


def tick(sequence: int, *, stock_id: str = "AAPL", accept_time: int = 0) -> AcceptedTick:
    """Return an accepted tick."""
    return AcceptedTick(stock_id, f"{sequence}.50", "7", -5, accept_time, sequence, sequence)


def contents(ticks: list[AcceptedTick]) -> list[tuple[object, ...]]:
    """Return all fields of ticks, comparable."""
    return [tuple(getattr(each, name) for name in AcceptedTick.__slots__) for each in ticks]


def append(storage: Storage, *ticks: AcceptedTick) -> None:
    """Append ticks, each with the state that it leaves."""
    storage.append(ticks, [Numbering(newest) for newest in {each.stock_id: each for each in ticks}.values()])


def test_commits_reach_the_disk(storage: Storage) -> None:
    """The journal is a write-ahead log, and a commit is synced to the disk before it returns."""
    assert storage._connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert storage._connection.execute("PRAGMA synchronous").fetchone() == (2,)


def test_epoch_is_drawn_once(path: Path) -> None:
    """The epoch is drawn when the file is loaded for the first time, and stays; another file has another one."""
    epochs = set()
    for _ in range(2):
        with closing(Storage(path)) as storage:
            state = storage.load()
            epochs.add(state.epoch)
            assert (state.last_sequence, list(state.numberings)) == (0, [])
    assert len(epochs) == 1
    assert len(epochs.pop()) == 36


def test_what_was_appended_is_loaded(storage: Storage, path: Path) -> None:
    """Ticks and the state that follows them are read as they were written, publishers in their order."""
    publishers = {"zoe": 2**63 - 1, "ann": 1, "max": 2}
    storage.append(
        [tick(1), tick(2), tick(3, stock_id="MSFT")],
        [Numbering(tick(2), publishers), Numbering(tick(3, stock_id="MSFT"))],
    )

    with closing(Storage(path)) as other:
        state = other.load()
        by_stock = {each.newest.stock_id: each for each in state.numberings}
        assert contents(other.ticks_after(0, 10)) == contents([tick(1), tick(2), tick(3, stock_id="MSFT")])
    assert state.last_sequence == 3
    assert contents([by_stock["AAPL"].newest]) == contents([tick(2)])
    assert list(by_stock["AAPL"].publishers.items()) == list(publishers.items())
    assert by_stock["MSFT"].publishers == {}


def test_append_is_all_or_nothing(storage: Storage) -> None:
    """If a part of an append cannot be written, nothing of it is, and the next one goes well."""
    append(storage, tick(1))

    with pytest.raises(sqlite3.IntegrityError):
        append(storage, tick(2, stock_id="MSFT"), tick(1))

    assert [each.sequence for each in storage.ticks_after(0, 10)] == [1]
    assert [each.newest.stock_id for each in storage.load().numberings] == ["AAPL"]
    assert storage._connection.execute("SELECT stock_id, tick_count FROM minute_bar").fetchall() == [("AAPL", 1)]
    append(storage, tick(2))
    assert storage.load().last_sequence == 2


def test_ticks_after_a_sequence(storage: Storage) -> None:
    """Reading returns the ticks above a sequence in order, up to a limit."""
    append(storage, *(tick(sequence) for sequence in range(1, 8)))

    assert [each.sequence for each in storage.ticks_after(2, 3)] == [3, 4, 5]
    assert [each.sequence for each in storage.ticks_after(5, 3)] == [6, 7]
    assert storage.ticks_after(7, 3) == []


def test_prune_deletes_the_oldest_first(storage: Storage) -> None:
    """Pruning deletes the oldest below a sequence, so many at a time, and says how many."""
    append(storage, *(tick(sequence) for sequence in range(1, 8)))

    assert storage.prune(6, 3) == 3
    assert [each.sequence for each in storage.ticks_after(0, 10)] == [4, 5, 6, 7]
    assert storage.prune(6, 3) == 2
    assert storage.prune(6, 3) == 0
    assert [each.sequence for each in storage.ticks_after(0, 10)] == [6, 7]


def test_sequence_is_never_used_twice(storage: Storage, path: Path) -> None:
    """When all ticks were pruned, and even the state is gone, the last sequence is still known."""
    append(storage, tick(1), tick(2))
    storage.prune(3, 10)
    storage._connection.execute("DELETE FROM latest_price")

    with closing(Storage(path)) as other:
        assert other.load().last_sequence == 2


@settings(max_examples=30, deadline=None)
@given(
    steps=st.lists(st.tuples(st.integers(1, 3), st.integers(0, 2)), max_size=20),
    accept_time=st.integers(0, 25),
)
def test_first_sequence_since(migrated_file: Path, steps: list[tuple[int, int]], accept_time: int) -> None:
    """All ticks below the returned sequence are older than the instant, and none of the others is."""
    sequences = accumulate(step for step, _ in steps)
    times = accumulate(step for _, step in steps)
    ticks = [tick(sequence, accept_time=time) for sequence, time in zip(sequences, times, strict=True)]
    with TemporaryDirectory() as folder, closing(Storage(Path(shutil.copy(migrated_file, folder)))) as storage:
        append(storage, *ticks)

        first = storage.first_sequence_since(accept_time)

    assert [each.sequence for each in ticks if each.sequence < first] == [
        each.sequence for each in ticks if each.accept_time < accept_time
    ]
