"""What imports a chunk: its users or its subscriptions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from ticker_server.catalog.bulk.bad_row import BadRow
from ticker_server.catalog.bulk.chunks import Chunk
from ticker_server.catalog.bulk.merging import LastRows, Merge, last_rows, merge
from ticker_server.catalog.bulk.records import Record
from ticker_server.catalog.bulk.rows import SubscriptionReader, SubscriptionRow, UserReader, UserRow
from ticker_server.catalog.bulk.session import BulkSession
from ticker_server.catalog.bulk.store import BulkStore
from ticker_server.catalog.bulk.tally import Tally
from ticker_server.catalog.subscription_table import Key

__all__ = ["Importer", "SubscriptionImporter", "UserImporter"]

_Row = TypeVar("_Row")


class Importer(Protocol[_Row]):
    """One kind of file: how a row of it is read, and what a chunk of rows does."""

    def row(self, record: Record) -> _Row | BadRow:
        """Return what a record says, or what is wrong with it."""
        ...

    def merge(self, session: BulkSession, chunk: Chunk[_Row], now: int) -> Merge:
        """Store the rows of a chunk, all or none of them, and tell what became of them."""
        ...


class UserImporter:
    """Files of users. It is made from the cells of the header. Raises ImportRefused."""

    def __init__(self, header: Sequence[str]) -> None:
        self.row = UserReader(header).row

    def merge(self, session: BulkSession, chunk: Chunk[UserRow], now: int) -> Merge:
        """Store the users that do not exist yet."""
        if not chunk.rows:
            return Merge()
        user_ids = sorted({row.user_id for row in chunk.rows})
        inserted = session.transact(lambda store: store.insert_users(user_ids, now))
        return Merge(tally=Tally(imported=inserted, unchanged=len(chunk.rows) - inserted))


class SubscriptionImporter:
    """Files of subscriptions: each row is an AddStock. It is made from the cells of the header. Raises ImportRefused.

    `limit` is how many subscriptions a user may have.
    """

    def __init__(self, header: Sequence[str], limit: int) -> None:
        self.row = SubscriptionReader(header).row
        self._limit = limit

    def merge(self, session: BulkSession, chunk: Chunk[SubscriptionRow], now: int) -> Merge:
        """Store the subscriptions that are new or other than before; users that do not exist are created.

        The users are created first and for themselves. So the transaction that follows locks users that exist, in one
        order, as gateways do: locking some and inserting others among them would end in deadlocks with those.
        """
        if not chunk.rows:
            return Merge()
        last = last_rows(chunk.rows)
        keys = session.transact(lambda store: _create_users(store, last, now))
        return session.transact(lambda store: self._merge(store, last, keys, now))

    def _merge(self, store: BulkStore, last: LastRows, keys: Sequence[Key], now: int) -> Merge:
        if not keys:
            return merge(last, listed=(), stored={}, counts={}, limit=self._limit)
        user_ids = sorted({user_id for user_id, _ in keys})
        store.lock_users(user_ids, now)
        listed = store.keep_listed({stock_id for _, stock_id in keys})
        stored = store.stored(keys)
        found = merge(last, listed=listed, stored=stored, counts=store.count(user_ids), limit=self._limit)
        if found.alterations:
            store.write(found.alterations, now)
        return found


def _create_users(store: BulkStore, last: LastRows, now: int) -> list[Key]:
    """Create the users of rows whose stocks exist; return the users and stocks of those rows."""
    listed = store.listed({stock_id for _, stock_id in last.rows})
    keys = [key for key in last.rows if key[1] in listed]
    if keys:
        store.insert_users(sorted({user_id for user_id, _ in keys}), now)
    return keys
