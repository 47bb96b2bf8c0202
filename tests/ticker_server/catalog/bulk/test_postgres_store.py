"""An import into PostgreSQL, beside gateways."""

from __future__ import annotations

import threading
from collections.abc import Callable

import psycopg
import pytest

from ticker_server.catalog.bulk.rows import SubscriptionRow
from ticker_server.catalog.bulk.session import bulk_session
from ticker_server.catalog.bulk.store import BulkStore
from ticker_server.catalog.bulk.terms import TermCells, parse_terms

NOW = 1_763_900_000_000_000_000
STOCK = (
    "INSERT INTO stock (stock_id, name, currency, create_time_ns, hidden_through, ended_through)"
    " VALUES ('A', 'A', 'USD', 1, 0, 0)"
)
LOCKS = 'SELECT FROM "user" WHERE user_id = %s FOR UPDATE NOWAIT'
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


def test_changes_that_wait_are_counted_up_to_a_limit(postgres_catalog_url: str) -> None:
    """An outbox with millions of rows is not counted to its end."""
    rows = [(SubscriptionRow(2, f"u{number}", "A", parse_terms(TermCells())), None) for number in range(30)]
    with psycopg.connect(postgres_catalog_url, autocommit=True) as other:
        other.execute(STOCK)

    def write(store: BulkStore) -> None:
        store.insert_users([row.user_id for row, _ in rows], NOW)
        store.write(rows, NOW)

    with bulk_session(postgres_catalog_url) as session:
        session.transact(write)
        assert session.transact(lambda store: store.backlog(20)) == 20
        assert session.transact(lambda store: store.backlog(100)) == 30


def test_users_and_stocks_are_locked_until_the_end(postgres_catalog_url: str) -> None:
    """During a chunk no gateway changes its users or deletes its stocks; afterwards it may."""
    with psycopg.connect(postgres_catalog_url, autocommit=True) as gateway:
        gateway.execute(STOCK)
        gateway.execute("""INSERT INTO "user" VALUES ('old', 1), ('other', 1)""")

        def look(store: BulkStore) -> None:
            store.lock_users(["new", "old"], NOW)
            store.keep_listed(["A"])
            with pytest.raises(psycopg.errors.LockNotAvailable):
                gateway.execute(LOCKS, ["old"])
            with pytest.raises(psycopg.errors.LockNotAvailable):
                gateway.execute("SELECT FROM stock WHERE stock_id = 'A' FOR UPDATE NOWAIT")
            gateway.execute(LOCKS, ["other"])

        with bulk_session(postgres_catalog_url) as session:
            session.transact(look)
        for user_id in ("new", "old"):
            assert gateway.execute(LOCKS, [user_id]).rowcount == 1


def test_a_user_that_a_gateway_is_creating_is_waited_for(postgres_catalog_url: str) -> None:
    """Where a gateway inserts the same user first, the import waits and then has the lock."""
    done: list[str] = []

    def lock() -> None:
        with bulk_session(postgres_catalog_url) as session:

            def work(store: BulkStore) -> None:
                store.lock_users(["ana"], NOW)
                with pytest.raises(psycopg.errors.LockNotAvailable):
                    observer.execute(LOCKS, ["ana"])
                done.append("locked")

            session.transact(work)

    with (
        psycopg.connect(postgres_catalog_url, autocommit=True) as observer,
        psycopg.connect(postgres_catalog_url) as gateway,
    ):
        gateway.execute("""INSERT INTO "user" VALUES ('ana', 1)""")
        importing = threading.Thread(target=lock)
        importing.start()
        wait_until(lambda: observer.execute(WAITING).fetchall() == [(1,)])
        assert done == []
        gateway.commit()
        importing.join(30)
    assert done == ["locked"]


def wait_until(is_true: Callable[[], bool]) -> None:
    """Wait until something is true, for at most 30 s; another process offers no event."""
    pause = threading.Event()
    for _ in range(3000):
        if is_true():
            return
        pause.wait(0.01)
    raise AssertionError("it did not become true")
