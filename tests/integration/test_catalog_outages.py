"""The catalog on a PostgreSQL that freezes, dies and comes back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import psycopg
import pytest

from tests.support.postgres import Postgres, running_postgres
from ticker_server.catalog import Catalog, Database, OutboxRelay, open_database, upgrade
from ticker_server.clock import SystemClock
from ticker_server.errors import DatabaseUnavailable
from ticker_server.model.change import Change
from ticker_server.model.schedule import Schedule
from ticker_server.model.subscription import Wish

ANSWER_SECONDS = 6.5
"""How long a caller may be kept waiting by a database that does not answer, some scheduling included."""
RECOVERY_SECONDS = 10.0


class Rig:
    """A catalog on a PostgreSQL of its own."""

    def __init__(self, server: Postgres) -> None:
        self.server = server
        self.url = server.url()
        self.database = open_database(self.url)
        self.catalog = make_catalog(self.database)

    async def add(self, user_id: str) -> None:
        """Let a user follow a stock."""
        await self.catalog.add_stocks([Wish(user_id, "A", 10**9, Schedule("UTC", None))])

    async def recovered(self) -> float:
        """Wait until a change is taken; return how many seconds it took."""
        begun = time.monotonic()
        while True:
            try:
                await self.add("probe")
            except DatabaseUnavailable:
                assert time.monotonic() - begun < RECOVERY_SECONDS
                await asyncio.sleep(0.05)
            else:
                return time.monotonic() - begun


def make_catalog(database: Database) -> Catalog:
    """Return a catalog that nobody follows."""
    return Catalog(
        database,
        clock=SystemClock(),
        newest_sequence=lambda _stock_id: 0,
        log_epoch=str,
        on_commit=lambda _changes: None,
    )


@asynccontextmanager
async def running_rig(home: Path) -> AsyncIterator[Rig]:
    """Run a rig with a stock until the end of the block."""
    async with running_postgres(home) as server:
        await asyncio.to_thread(upgrade, server.url())
        rig = Rig(server)
        await rig.catalog.create_stock("A", name=None, currency=None)
        try:
            yield rig
        finally:
            await rig.database.close()


async def refused(call: Callable[[], Awaitable[object]]) -> float:
    """Expect a call to be refused; return how many seconds it took."""
    begun = time.monotonic()
    with pytest.raises(DatabaseUnavailable):
        await call()
    return time.monotonic() - begun


async def test_frozen_database_keeps_nobody_waiting(tmp_path: Path) -> None:
    """While the database is frozen every call is refused in time; after it all is well, and nothing answered is lost."""
    async with running_rig(tmp_path) as rig:
        before = [f"before{number}" for number in range(20)]
        await asyncio.gather(*(rig.add(user_id) for user_id in before))
        rig.server.freeze()
        try:
            for _ in range(2):
                calls: list[Callable[[], Awaitable[object]]] = [
                    *([lambda: rig.add("during")] * 3),
                    *([lambda: rig.catalog.subscriptions_of("before0")] * 20),
                    *([lambda: rig.catalog.get_stock("A")] * 3),
                ]
                waited = await asyncio.gather(*map(refused, calls))

                assert max(waited) < ANSWER_SECONDS
            # No more work is left hanging than there are connections, and the loader's two rounds.
            assert len(rig.database._running) <= 4 + 2
        finally:
            rig.server.thaw()
        await rig.recovered()
        found = await rig.catalog.subscriptions_of_all(before)

        assert [user_id for user_id in before if found[user_id]] == before


async def test_closing_a_frozen_database_ends(tmp_path: Path) -> None:
    """A process that stops while the database is frozen does not hang."""
    async with running_rig(tmp_path) as rig:
        await rig.add("ana")
        rig.server.freeze()
        try:
            await refused(lambda: rig.add("ben"))
            begun = time.monotonic()
            await rig.database.close()

            assert time.monotonic() - begun < ANSWER_SECONDS + 2
        finally:
            rig.server.thaw()


async def test_killed_database_loses_no_answer(tmp_path: Path) -> None:
    """Through two crashes of the database every change that was answered stays, and each is published."""
    async with running_rig(tmp_path) as rig:
        answered: list[str] = []
        published: set[int] = set()
        stop = asyncio.Event()

        async def write(writer: int) -> None:
            for number in range(10**6):
                if stop.is_set():
                    return
                user_id = f"user{writer}-{number}"
                try:
                    await rig.add(user_id)
                except DatabaseUnavailable:
                    await asyncio.sleep(0.02)
                else:
                    answered.append(user_id)

        async def publish(changes: Sequence[Change]) -> None:
            published.update(change.revision for change in changes)

        relay = asyncio.create_task(OutboxRelay(rig.database, publish).run())
        writers = [asyncio.create_task(write(writer)) for writer in range(4)]
        for _ in range(2):
            while len(answered) < 50:  # noqa: ASYNC110 - the writers have no event for it
                await asyncio.sleep(0.01)
            await rig.server.kill()
            await rig.server.start()
            await rig.server.accepts()
            await rig.recovered()
        stop.set()
        await asyncio.gather(*writers)
        found = await rig.catalog.subscriptions_of_all(answered)

        assert sorted(found) == sorted(answered)
        revisions = {found[user_id][0].revision for user_id in answered}
        async with asyncio.timeout(RECOVERY_SECONDS):
            while not revisions <= published:  # noqa: ASYNC110 - the relay has no event for it
                await asyncio.sleep(0.01)
        relay.cancel()
        with pytest.raises(asyncio.CancelledError):
            await relay


async def test_cancelled_callers_leave_nothing_behind(postgres_url: str) -> None:
    """After two hundred callers went away at random moments all connections are idle and in the pool."""
    await asyncio.to_thread(upgrade, postgres_url)
    database = open_database(postgres_url)
    catalog = make_catalog(database)
    await catalog.create_stock("A", name=None, currency=None)
    random = Random(5)
    wish = Wish("ana", "A", 10**9, Schedule("UTC", None))
    relay = OutboxRelay(database, lambda _changes: asyncio.sleep(0.001))
    calls: list[Callable[[], Awaitable[object]]] = [
        lambda: catalog.add_stocks([wish]),
        lambda: catalog.subscriptions_of("ana"),
        lambda: catalog.list_subscriptions("ana"),
        lambda: catalog.create_user("ana"),
        relay.relay,
    ]
    for _ in range(50):
        tasks = [asyncio.ensure_future(random.choice(calls)()) for _ in range(4)]
        await asyncio.sleep(random.random() * 0.01)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    while database._running:
        await asyncio.wait(database._running)
    with psycopg.connect(postgres_url, autocommit=True) as other:
        query = "SELECT state FROM pg_stat_activity WHERE application_name = 'ticker-server' AND datname = %s"
        states = other.execute(query, [postgres_url.rsplit("/", 1)[1]]).fetchall()
        locks = other.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'").fetchone()

    assert {state for (state,) in states} == {"idle"}
    assert len(states) <= 4
    assert locks == (0,)
    assert database._engine.pool.checkedout() == 0  # type: ignore[attr-defined]
    await database.close()
