"""Transactions that read and write, and what an outage becomes."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection
from structlog.testing import capture_logs

from ticker_server.catalog.database import Database
from ticker_server.catalog.engine import open_database, sqlite_url
from ticker_server.catalog.tables import user
from ticker_server.errors import DatabaseUnavailable

ANA = {"user_id": "ana", "create_time_ns": 0}


async def count_users(database: Database) -> int:
    """Return how many users are stored."""
    async with database.reading() as connection:
        return int((await connection.execute(select(func.count()).select_from(user))).scalar_one())


async def add_user(database: Database, *, then: Exception | None = None) -> None:
    """Store a user, or raise an error after it in the same transaction."""
    async with database.writing() as connection:
        await connection.execute(insert(user), ANA)
        if then is not None:
            raise then


async def add_users(database: Database, count: int) -> None:
    """Store many users."""
    async with database.writing() as connection:
        await connection.execute(
            insert(user), [{"user_id": f"{each:060}", "create_time_ns": 0} for each in range(count)]
        )


def overwrite(path: Path) -> None:
    """Overwrite a file with rubbish of the same length."""
    path.write_bytes(b"\xff" * path.stat().st_size)


async def test_read_modify_write_is_exact(database: Database) -> None:
    """Eight tasks that each read a number and write one more, 25 times, add up."""
    await add_user(database)

    async def increment() -> None:
        for _ in range(25):
            async with database.writing() as connection:
                value = (await connection.execute(select(user.c.create_time_ns).with_for_update())).scalar_one()
                await connection.execute(update(user).values(create_time_ns=value + 1))

    await asyncio.gather(*(increment() for _ in range(8)))

    async with database.reading() as connection:
        assert (await connection.execute(select(user.c.create_time_ns))).scalar_one() == 200


async def test_reader_does_not_wait_for_the_writer(sqlite_database: Database) -> None:
    """A reader sees what is committed while a writer has not finished."""
    async with sqlite_database.writing() as connection:
        await connection.execute(insert(user), ANA)

        assert await count_users(sqlite_database) == 0
    assert await count_users(sqlite_database) == 1


async def test_failed_block_changes_nothing(database: Database) -> None:
    """A transaction whose block raises is rolled back, and the error comes out as it is."""
    with pytest.raises(KeyError):
        await add_user(database, then=KeyError())

    assert await count_users(database) == 0


async def test_own_fault_is_no_outage(database: Database) -> None:
    """A breach of a constraint comes out as it is: to try again would not help."""
    await add_user(database)

    with pytest.raises(IntegrityError):
        await add_user(database)


async def test_lock_of_another_process_is_an_outage(sqlite_database: Database, sqlite_file: Path) -> None:
    """A writer that waited in vain for another process says so, reads go on, and writes too once it is gone."""
    with closing(sqlite3.connect(sqlite_file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(DatabaseUnavailable):
            await add_user(sqlite_database)
        assert await count_users(sqlite_database) == 0
        other.execute("ROLLBACK")
    await add_user(sqlite_database)

    assert await count_users(sqlite_database) == 1


async def test_outage_is_logged_once_and_told_without_details(sqlite_database: Database, sqlite_file: Path) -> None:
    """The log has one line when an outage begins and one when it ends; the error tells nothing of the inside."""
    with capture_logs() as logs, closing(sqlite3.connect(sqlite_file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for _ in range(3):
            with pytest.raises(DatabaseUnavailable) as caught:
                await add_user(sqlite_database)
        other.execute("ROLLBACK")
        await add_user(sqlite_database)

    assert [entry["event"] for entry in logs] == ["database unavailable", "database available again"]
    assert "locked" in logs[0]["cause"]
    assert "locked" not in str(caught.value)
    assert "INSERT" not in str(caught.value)


async def test_held_write_lock_is_an_outage_in_the_end(sqlite_file: Path) -> None:
    """A writer does not wait for ever for the lock that it shares, and reads do not ask for it."""
    lock = asyncio.Lock()
    database = open_database(sqlite_url(sqlite_file), write_lock=lock, busy_seconds=0.01)
    async with lock:
        with pytest.raises(DatabaseUnavailable, match="busy"):
            await add_user(database)
        assert await count_users(database) == 0
    await add_user(database)
    await database.close()

    assert not lock.locked()


async def test_lock_is_for_databases_with_one_writer(database: Database) -> None:
    """A database that sorts out its writers by itself is written without a lock."""
    await add_user(Database(database._engine))

    assert await count_users(database) == 1


async def test_full_disk_is_an_outage(sqlite_database: Database) -> None:
    """A write for which there is no space changes nothing and is an outage."""
    async with sqlite_database.reading() as connection:
        await connection.execute(text("PRAGMA max_page_count = 1"))
    with pytest.raises(DatabaseUnavailable):
        await add_users(sqlite_database, 1000)

    assert await count_users(sqlite_database) == 0


async def test_damage_met_later_is_an_outage(sqlite_database: Database, sqlite_file: Path) -> None:
    """A file that is overwritten by something else while it is open is an outage."""
    overwrite(sqlite_file)

    with pytest.raises(DatabaseUnavailable):
        await count_users(sqlite_database)


async def test_missing_directory_is_an_outage(tmp_path: Path) -> None:
    """A database that cannot be opened is an outage: it may come back."""
    database = open_database(f"sqlite:///{tmp_path}/missing/ticker.db")
    with pytest.raises(DatabaseUnavailable):
        await count_users(database)
    await database.close()


async def test_exhausted_pool_is_an_outage(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that gets no connection in time is told to come again."""
    monkeypatch.setattr(database._engine.pool, "_timeout", 0.01)
    async with (
        database.reading(),
        database.reading(),
        database.reading(),
        database.reading(),
    ):
        with pytest.raises(DatabaseUnavailable):
            await count_users(database)


async def test_closed_database_is_an_outage(database: Database) -> None:
    """A closed database is not opened again by a late caller."""
    await database.close()

    with pytest.raises(DatabaseUnavailable, match="closed"):
        await count_users(database)


async def test_cancelled_caller_does_not_stop_a_change(database: Database) -> None:
    """Work is carried through when its caller is cancelled in the middle of it, and `close` waits for it."""
    began, go_on = asyncio.Event(), asyncio.Event()
    done = []

    async def work() -> None:
        async with database.writing() as connection:
            await connection.execute(insert(user), ANA)
            began.set()
            await go_on.wait()
        done.append(await count_users(database))

    caller = asyncio.create_task(database.complete(work()))
    await began.wait()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    go_on.set()
    await database.complete(wait_for_others(database))

    assert done == [1]


async def wait_for_others(database: Database) -> None:
    """Return once all other work is done."""
    await asyncio.wait(database._running - {asyncio.current_task()})  # type: ignore[arg-type]


async def test_close_waits_for_what_runs(database: Database) -> None:
    """A change that is under way when the database is closed is committed."""
    began, go_on = asyncio.Event(), asyncio.Event()

    async def work() -> str:
        async with database.writing() as connection:
            began.set()
            await go_on.wait()
            await connection.execute(insert(user), ANA)
        return "committed"

    change = asyncio.create_task(database.complete(work()))
    await began.wait()
    closing_task = asyncio.create_task(database.close())
    await asyncio.sleep(0)  # let it begin to wait
    go_on.set()
    await closing_task

    assert await change == "committed"


async def test_abandoned_failure_is_logged(database: Database) -> None:
    """The failure of a change whose caller has gone stands in the log."""
    go_on = asyncio.Event()

    async def work() -> None:
        await go_on.wait()
        raise KeyError("lost")

    with capture_logs() as logs:
        caller = asyncio.create_task(database.complete(work()))
        await asyncio.sleep(0)  # let it start
        caller.cancel()
        await asyncio.gather(caller, return_exceptions=True)
        go_on.set()
        await database.close()

    assert [entry["error"] for entry in logs] == ["KeyError('lost')"]


@pytest.mark.parametrize("turns", range(0, 40, 3))
async def test_cancellation_leaves_the_database_in_order(sqlite_database: Database, turns: int) -> None:
    """A transaction cancelled at any point leaves no lock and no half change behind."""
    task = asyncio.create_task(add_user(sqlite_database))
    for _ in range(turns):
        await asyncio.sleep(0)  # let it come to another point
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    async with sqlite_database.writing() as connection:
        await connection.execute(insert(user), {"user_id": "ben", "create_time_ns": 0})

    assert await count_users(sqlite_database) in {1, 2}


async def test_work_that_hangs_keeps_nobody_waiting(database: Database) -> None:
    """A caller is told to come again in time, and what it asked for is carried through all the same."""
    database.answer_seconds = 0.05
    go_on = asyncio.Event()

    async def work() -> None:
        async with database.writing() as connection:
            await go_on.wait()
            await connection.execute(insert(user), ANA)

    with capture_logs() as logs, pytest.raises(DatabaseUnavailable, match="in time; the call is safe to repeat"):
        await database.complete(work())
    go_on.set()
    await asyncio.wait(database._running)

    assert [entry["cause"] for entry in logs] == ["no answer within 0.05 s"]
    assert await count_users(database) == 1


async def test_close_ends_what_hangs(database: Database) -> None:
    """Closing does not wait for ever for work that hangs, and whoever still waits for it is told."""
    began = asyncio.Event()

    async def work() -> None:
        async with database.reading():
            began.set()
            await asyncio.Event().wait()

    database.answer_seconds = None
    caller = asyncio.create_task(database.complete(work()))
    await began.wait()
    database.answer_seconds = 0.01
    await database.close()

    with pytest.raises(DatabaseUnavailable, match="closed"):
        await caller


async def test_few_causes_of_an_outage_are_logged(sqlite_database: Database) -> None:
    """An outage that shows itself in ever other words does not fill the log."""

    async def fail(cause: str) -> None:
        async with sqlite_database.reading():
            raise OSError(cause)

    with capture_logs() as logs:
        for number in range(20):
            with pytest.raises(DatabaseUnavailable):
                await fail(f"cause {number % 10}")
        await count_users(sqlite_database)

    assert [entry["event"] for entry in logs] == ["database unavailable"] * 5 + ["database available again"]


async def add_ana(connection: AsyncConnection) -> str:
    """Store a user, and return its id."""
    await connection.execute(insert(user), ANA)
    return "ana"


async def add_ben(connection: AsyncConnection, opened: str) -> None:
    """Store another user, once the first was."""
    assert opened == "ana"
    await connection.execute(insert(user), {"user_id": "ben", "create_time_ns": 0})


async def test_held_transaction_is_kept_around_a_block(database: Database) -> None:
    """What is done before the block and after it is one transaction, seen by nobody before its end."""
    async with database.held(add_ana, add_ben) as opened:
        assert opened == "ana"
        assert await count_users(database) == 0

    assert await count_users(database) == 2


async def test_failed_block_rolls_its_held_transaction_back(database: Database) -> None:
    """A block that raises leaves nothing of what was done before it, and its error comes out as it is."""
    with pytest.raises(KeyError):
        async with database.held(add_ana, add_ben):
            raise KeyError
    await add_user(database)

    assert await count_users(database) == 1


async def test_held_transaction_that_cannot_begin_is_told(database: Database) -> None:
    """Where the beginning fails there is no block, and where the end fails the block was for nothing."""
    await add_user(database)
    with pytest.raises(IntegrityError):
        async with database.held(add_ana, add_ben):
            raise AssertionError("not opened")

    async def find(_connection: AsyncConnection) -> str:
        return "ana"

    async def fail(_connection: AsyncConnection, _opened: str) -> None:
        raise KeyError

    with pytest.raises(KeyError):
        async with database.held(find, fail):
            pass


async def test_cancelled_holder_gives_its_transaction_up(database: Database) -> None:
    """A task that is cancelled within its block ends at once, and its transaction by itself."""
    began = asyncio.Event()

    async def hold() -> None:
        async with database.held(add_ana, add_ben):
            began.set()
            await asyncio.Event().wait()

    holder = asyncio.create_task(hold())
    await began.wait()
    holder.cancel()
    with pytest.raises(asyncio.CancelledError):
        await holder
    await asyncio.wait(database._running)

    assert await count_users(database) == 0


async def test_closing_ends_what_is_held(database: Database) -> None:
    """A block that outlasts its database is told in the end that it was for nothing."""

    async def hold() -> None:
        async with database.held(add_ana, add_ben):
            database.answer_seconds = 0.01
            await database.close()

    with pytest.raises(DatabaseUnavailable, match="closed"):
        await hold()
