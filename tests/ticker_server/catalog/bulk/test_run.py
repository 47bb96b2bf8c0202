"""One run of an import, into each kind of database."""

from __future__ import annotations

import io
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from tests.ticker_server.catalog.bulk.conftest import Desk
from ticker_server.catalog.bulk import ImportPlan, Subject, Tally, run_import
from ticker_server.catalog.bulk.pacing import MOST_WAITING
from ticker_server.catalog.bulk.refusals import ColumnMissing, FileInvalid, ImportStopped
from ticker_server.catalog.service import Catalog
from ticker_server.model.change import Change
from ticker_server.model.schedule import DEFAULT_WINDOW, Schedule, Window
from ticker_server.model.subscription import DEFAULT_FREQUENCY, EVERY_TICK

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

Outbox = Callable[[], Awaitable[list[Change]]]


async def test_users_are_imported_once(desk: Desk, catalog: Catalog, capsys: pytest.CaptureFixture[str]) -> None:
    """Users come into being, and the same file again changes nothing."""
    assert desk.users("user_id", "ana", "bob", "ana") == Tally(imported=2, unchanged=1)
    created = await catalog.get_user("ana")

    assert desk.users("user_id", "ana", "bob", "ana") == Tally(unchanged=3)

    assert await catalog.get_user("ana") == created
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("imported 2, unchanged 1, replaced 0, rejected 0 in ")
    assert second.startswith("imported 0, unchanged 3, replaced 0, rejected 0 in ")


async def test_subscriptions_are_those_that_add_stock_makes(desk: Desk, three_stocks: Catalog, outbox: Outbox) -> None:
    """Each row is an AddStock: its defaults, its users, its revisions, and its changes for open watches."""
    tally = desk.subscriptions(
        "user_id,stock_id,time_zone,frequency,every_tick,window,days,always",
        "ana,A,,,,,,",
        'bob,B,Europe/Berlin,500ms,,22:00-06:00,"sun,mon",',
        "bob,A,,,true,,,yes",
    )

    assert tally == Tally(imported=3)
    (ana_a,) = await three_stocks.subscriptions_of("ana")
    bob_a, bob_b = await three_stocks.subscriptions_of("bob")
    assert (ana_a.cadence, ana_a.schedule) == (DEFAULT_FREQUENCY, Schedule("UTC", DEFAULT_WINDOW))
    assert (bob_b.cadence, bob_b.schedule) == (500_000_000, Schedule("Europe/Berlin", Window(1320, 360, (1, 7))))
    assert (bob_a.cadence, bob_a.schedule) == (EVERY_TICK, Schedule("UTC", None))
    assert await outbox() == desk.told(ana_a, bob_b, bob_a)


async def test_the_same_file_again_changes_nothing(desk: Desk, three_stocks: Catalog, outbox: Outbox) -> None:
    """Neither revisions nor times move, and no watch is told anything."""
    lines = "user_id,stock_id,frequency", "ana,A,1s", "ana,B,"
    desk.subscriptions(*lines)
    stored, told = await three_stocks.subscriptions_of("ana"), await outbox()

    assert desk.subscriptions(*lines) == Tally(unchanged=2)

    assert await three_stocks.subscriptions_of("ana") == stored
    assert await outbox() == told


async def test_a_row_replaces_all_of_a_subscription(desk: Desk, three_stocks: Catalog, outbox: Outbox) -> None:
    """What a row leaves out takes its default; the subscription keeps its creation time and gets a new revision."""
    desk.subscriptions("user_id,stock_id,frequency,always", "ana,A,1s,true")
    (before,) = await three_stocks.subscriptions_of("ana")

    assert desk.subscriptions("user_id,stock_id", "ana,A") == Tally(replaced=1)

    (after,) = await three_stocks.subscriptions_of("ana")
    assert (after.cadence, after.schedule) == (DEFAULT_FREQUENCY, Schedule("UTC", DEFAULT_WINDOW))
    assert after.create_time == before.create_time
    assert after.revision > before.revision
    assert await outbox() == desk.told(before, after)


@pytest.mark.parametrize("chunk_rows", [1, 2, 100])
async def test_later_rows_win_within_a_chunk_and_across(desk: Desk, three_stocks: Catalog, chunk_rows: int) -> None:
    """Of several rows for a user and stock the last one counts, wherever chunks end."""
    lines = "user_id,stock_id,frequency", "ana,A,1s", "ana,A,2s", "ana,A,3s", "ana,A,3s"

    tally = desk.subscriptions(*lines, chunk_rows=chunk_rows)

    assert tally == Tally(imported=1, replaced=2, unchanged=1)
    assert [each.cadence for each in await three_stocks.subscriptions_of("ana")] == [3_000_000_000]


async def test_bad_rows_are_named_and_the_rest_is_imported(
    desk: Desk, three_stocks: Catalog, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each bad row is one line on stderr, in the order of the file, whoever found it."""
    tally = desk.subscriptions(
        "user_id,stock_id,time_zone",
        "ana,X,",
        "ana,A,Mars/X",
        "ana,A,UTC",
        "ana,B",
        "-,B,",
    )

    assert tally == Tally(imported=1, rejected=4)
    captured = capsys.readouterr()
    assert [line.partition(": ")[2].rpartition(": ")[0] for line in captured.err.splitlines()] == [
        "line 2: STOCK_NOT_FOUND",
        "line 3: INVALID_TIME_ZONE",
        "line 5: INVALID_ROW",
        'line 6: INVALID_USER_ID: user_id "-"',
    ]
    assert "imported 1, unchanged 0, replaced 0, rejected 4 in " in captured.out
    assert [each.stock_id for each in await three_stocks.subscriptions_of("ana")] == ["A"]


async def test_the_limit_of_a_user_holds(desk: Desk, three_stocks: Catalog, capsys: pytest.CaptureFixture[str]) -> None:
    """Rows above the limit are bad rows, whether the others came in this file or before."""
    await three_stocks.create_stock("D", name=None, currency=None)
    assert desk.subscriptions("user_id,stock_id", "ana,A", "ana,B") == Tally(imported=2)

    assert desk.subscriptions("user_id,stock_id", "ana,B", "ana,C", "ana,D") == Tally(
        imported=1, unchanged=1, rejected=1
    )

    assert 'line 4: SUBSCRIPTION_LIMIT: user "ana" has 3 subscriptions' in capsys.readouterr().err


async def test_a_stock_that_came_back_has_no_old_subscriptions(desk: Desk, three_stocks: Catalog) -> None:
    """A subscription that ended with its stock is a new one when it is imported again."""
    desk.subscriptions("user_id,stock_id", "ana,A")
    await three_stocks.delete_stock("A")
    await three_stocks.create_stock("A", name=None, currency=None)

    assert desk.subscriptions("user_id,stock_id", "ana,A") == Tally(imported=1)

    (stored,) = await three_stocks.subscriptions_of("ana")
    assert stored.create_time == stored.update_time


async def test_a_file_that_breaks_off_is_completed_by_the_whole_one(desk: Desk, three_stocks: Catalog) -> None:
    """What stood before the damage is imported in whole chunks, and the same file in full does the rest."""
    with pytest.raises(FileInvalid):
        desk.subscriptions("user_id,stock_id", "ana,A", "ana,B", "x" * (1 << 20), chunk_rows=1)

    assert len(await three_stocks.subscriptions_of("ana")) == 2
    assert desk.subscriptions("user_id,stock_id", "ana,A", "ana,B", "ana,C") == Tally(imported=1, unchanged=2)


def test_a_file_at_fault_is_refused_before_the_database(tmp_path: Path) -> None:
    """A header that lacks a column is told even where the database is away."""
    path = tmp_path / "subscriptions.csv"
    path.write_text("user_id\nana\n")

    with pytest.raises(ColumnMissing):
        run_import("postgresql://ana@127.0.0.1:1/ticker", ImportPlan(Subject.SUBSCRIPTIONS, str(path)))


@pytest.mark.parametrize("text", ["", "\n\n", '"user_id\n'])
def test_a_file_without_a_header_is_refused(tmp_path: Path, text: str) -> None:
    """An empty file, or one whose first row is none, is no CSV."""
    path = tmp_path / "users.csv"
    path.write_text(text)

    with pytest.raises(FileInvalid, match="header"):
        run_import("sqlite:///unused", ImportPlan(Subject.USERS, str(path)))


def test_stdin_is_a_file_as_well(desk: Desk) -> None:
    """`-` stands for stdin."""
    stdin = io.BufferedReader(io.BytesIO(b"user_id\nana\n"))

    assert run_import(desk.url, ImportPlan(Subject.USERS, "-"), stdin=stdin) == Tally(imported=1)


def test_an_import_waits_for_gateways_that_relay(postgres_catalog_url: str, tmp_path: Path) -> None:
    """After a chunk that makes the outbox long, somebody is given two seconds to make it shorter."""
    with psycopg.connect(postgres_catalog_url) as other:
        other.execute(
            "INSERT INTO stock (stock_id, name, currency, create_time_ns, hidden_through)"
            " VALUES ('A', 'A', 'USD', 1, 0)"
        )
    path = tmp_path / "subscriptions.csv"
    path.write_text("user_id,stock_id\n" + "".join(f"u{number},A\n" for number in range(MOST_WAITING + 2)))
    waits: list[float] = []
    plan = ImportPlan(Subject.SUBSCRIPTIONS, str(path), chunk_rows=MOST_WAITING + 1)

    tally = run_import(postgres_catalog_url, plan, sleep=waits.append)

    assert tally == Tally(imported=MOST_WAITING + 2)
    assert round(sum(waits), 3) == 2.0


class Interrupted(io.RawIOBase):
    """A stdin of two users, one per read; before the second one something happens."""

    def __init__(self, happens: Callable[[], object]) -> None:
        self._happens = happens
        self._reads = iter([b"user_id\nana\n", b"bob\n", b""])

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Hand out the next user."""
        content = next(self._reads)
        if content == b"bob\n":
            self._happens()
        memoryview(buffer)[: len(content)] = content
        return len(content)


def test_a_database_that_goes_away_leaves_what_it_has_taken(
    postgres_catalog_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The chunks before stay and are summed up, and the error says that the same file completes them."""

    def end_connections() -> None:
        with psycopg.connect(postgres_catalog_url) as other:
            other.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE application_name = 'ticker-server import'"
            )

    plan = ImportPlan(Subject.USERS, "-", chunk_rows=1)
    with pytest.raises(ImportStopped, match="import the same file again to complete it"):
        run_import(postgres_catalog_url, plan, stdin=io.BufferedReader(Interrupted(end_connections)))

    assert capsys.readouterr().out.startswith("imported 1, unchanged 0, replaced 0, rejected 0 in ")
    whole = io.BufferedReader(Interrupted(lambda: None))
    assert run_import(postgres_catalog_url, plan, stdin=whole) == Tally(imported=1, unchanged=1)


def test_an_interrupted_import_is_summed_up(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    """Ctrl-C ends an import between two chunks, and what was imported is told."""

    def interrupt() -> None:
        raise KeyboardInterrupt

    plan = ImportPlan(Subject.USERS, "-", chunk_rows=1)
    with pytest.raises(KeyboardInterrupt):
        run_import(desk.url, plan, stdin=io.BufferedReader(Interrupted(interrupt)))

    assert capsys.readouterr().out.startswith("imported 1, unchanged 0, replaced 0, rejected 0 in ")
    whole = io.BufferedReader(Interrupted(lambda: None))
    assert run_import(desk.url, plan, stdin=whole) == Tally(imported=1, unchanged=1)
