"""What imports a chunk."""

from __future__ import annotations

from ticker_server.catalog.bulk.bad_row import BadRow
from ticker_server.catalog.bulk.chunks import Chunk
from ticker_server.catalog.bulk.importing import SubscriptionImporter, UserImporter
from ticker_server.catalog.bulk.records import Record
from ticker_server.catalog.bulk.rows import SubscriptionRow, UserRow
from ticker_server.catalog.bulk.session import BulkSession
from ticker_server.catalog.bulk.tally import Tally
from ticker_server.catalog.service import Catalog

NOW = 1_763_900_000_000_000_000


def chunk_of(importer: SubscriptionImporter, *records: Record) -> Chunk[SubscriptionRow]:
    """Return a chunk of good rows."""
    rows = [importer.row(record) for record in records]
    return Chunk([row for row in rows if not isinstance(row, BadRow)])


def test_users_are_counted_as_new_or_known(session: BulkSession) -> None:
    """A user who stands in the file twice is new once."""
    importer = UserImporter(["user_id"])
    chunk = Chunk([UserRow(2, "bob"), UserRow(3, "ana"), UserRow(4, "bob")])

    found = importer.merge(session, chunk, NOW)

    assert found.tally == Tally(imported=2, unchanged=1)


def test_an_empty_chunk_changes_nothing(session: BulkSession) -> None:
    """A chunk of bad rows only needs no database."""
    users, subscriptions = UserImporter(["user_id"]), SubscriptionImporter(["user_id", "stock_id"], 3)

    assert users.merge(session, Chunk(), NOW).tally == Tally()
    assert subscriptions.merge(session, Chunk(), NOW).tally == Tally()


async def test_a_row_at_fault_does_not_create_its_user(three_stocks: Catalog, session: BulkSession) -> None:
    """A row of an unknown stock leaves no trace."""
    importer = SubscriptionImporter(["user_id", "stock_id"], 3)
    chunk = chunk_of(importer, Record(2, ["ana", "X"]), Record(3, ["bob", "A"]))

    found = importer.merge(session, chunk, NOW)

    assert [bad.line for bad in found.bad] == [2]
    assert session.transact(lambda store: store.insert_users(["ana", "bob"], NOW)) == 1


async def test_a_chunk_of_unknown_stocks_locks_nobody(three_stocks: Catalog, session: BulkSession) -> None:
    """Where no stock of a chunk exists, all of its rows are bad ones."""
    del three_stocks
    importer = SubscriptionImporter(["user_id", "stock_id"], 3)

    found = importer.merge(session, chunk_of(importer, Record(2, ["ana", "X"]), Record(3, ["bob", "Y"])), NOW)

    assert [bad.line for bad in found.bad] == [2, 3]
    assert session.transact(lambda store: store.insert_users(["ana", "bob"], NOW)) == 2
