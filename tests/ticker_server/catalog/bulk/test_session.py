"""The database during an import."""

from __future__ import annotations

import psycopg
import pytest

from ticker_server.catalog.bulk.refusals import ImportStopped
from ticker_server.catalog.bulk.session import bulk_session
from ticker_server.catalog.bulk.store import BulkStore
from ticker_server.catalog.database import DatabaseUnusable

NOW = 1_763_900_000_000_000_000


class Collides:
    """Work that inserts a user and then meets a deadlock, so many times."""

    def __init__(self, times: int) -> None:
        self.runs = 0
        self._times = times

    def __call__(self, store: BulkStore) -> int:
        """Insert a user; return how many were inserted."""
        self.runs += 1
        inserted = store.insert_users(["ana"], NOW)
        if self.runs <= self._times:
            raise psycopg.errors.DeadlockDetected
        return inserted


def test_a_deadlock_is_tried_again_from_the_beginning(database_url: str) -> None:
    """Work that a deadlock has ended is rolled back and done again, each time after a longer pause."""
    work = Collides(times=4)
    pauses: list[float] = []

    with bulk_session(database_url, sleep=pauses.append) as session:
        assert session.transact(work) == 1

    assert work.runs == 5
    assert pauses == sorted(set(pauses))
    assert len(pauses) == 4


def test_deadlocks_without_an_end_stop_the_import(database_url: str) -> None:
    """After ten of them in a row the import ends, and says that it can be completed."""
    work = Collides(times=99)
    told = pytest.raises(ImportStopped, match="import the same file again")

    with told, bulk_session(database_url, sleep=lambda _seconds: None) as session:
        session.transact(work)

    assert work.runs == 10


def test_a_fault_of_our_own_is_no_outage(database_url: str) -> None:
    """A statement that is wrong is told as it is."""

    def wrong(_store: BulkStore) -> None:
        raise psycopg.errors.SyntaxError

    with pytest.raises(psycopg.errors.SyntaxError), bulk_session(database_url) as session:
        session.transact(wrong)


def test_a_database_that_is_away_stops_the_import(unused_tcp_port_url: str) -> None:
    """A server that does not answer is named, without the password."""
    with pytest.raises(ImportStopped) as caught, bulk_session(unused_tcp_port_url):
        pass

    assert caught.value.exit_code == 4
    assert "127.0.0.1:1/ticker" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_database_of_another_kind_is_refused() -> None:
    """Only SQLite and PostgreSQL are known."""
    with pytest.raises(DatabaseUnusable), bulk_session("mysql://root@127.0.0.1/ticker"):
        pass


def test_a_new_database_gets_its_tables(postgres_url: str) -> None:
    """An import may be the first that a database sees; the server shows who is connected."""
    with bulk_session(postgres_url) as session:
        assert session.transact(lambda store: store.insert_users(["ana"], NOW)) == 1
        with psycopg.connect(postgres_url) as observer:
            names = observer.execute("SELECT application_name FROM pg_stat_activity WHERE datname = current_database()")
            assert ("ticker-server import",) in names.fetchall()


@pytest.fixture
def unused_tcp_port_url() -> str:
    """Return the URL of a server that is not there."""
    return "postgresql://ana:secret@127.0.0.1:1/ticker"
