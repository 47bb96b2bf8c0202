"""What an import asks of a database, the same of each kind."""

from __future__ import annotations

from ticker_server.catalog.bulk.rows import SubscriptionRow
from ticker_server.catalog.bulk.session import BulkSession
from ticker_server.catalog.bulk.terms import TermCells, parse_terms
from ticker_server.catalog.service import Catalog
from ticker_server.model.schedule import Schedule
from ticker_server.model.subscription import Wish

NOW = 1_763_900_000_000_000_000
TERMS = parse_terms(TermCells())


def test_users_are_stored_once(session: BulkSession) -> None:
    """Users that exist already are left as they are and not counted."""
    assert session.transact(lambda store: store.insert_users(["ana", "bob"], NOW)) == 2
    assert session.transact(lambda store: store.insert_users(["ana", "cleo"], NOW + 1)) == 1


def test_locking_users_creates_those_that_are_missing(session: BulkSession) -> None:
    """Whoever is locked exists afterwards."""
    session.transact(lambda store: store.insert_users(["bob"], NOW))

    session.transact(lambda store: store.lock_users(["ana", "bob"], NOW))

    assert session.transact(lambda store: store.insert_users(["ana", "bob"], NOW)) == 0


async def test_deleted_stocks_are_not_listed(three_stocks: Catalog, session: BulkSession) -> None:
    """A stock counts while it is listed, whether it is to be kept so or not."""
    await three_stocks.delete_stock("B")

    assert session.transact(lambda store: store.listed({"A", "B", "X"})) == {"A"}
    assert session.transact(lambda store: store.keep_listed({"A", "B", "X"})) == {"A"}


async def test_subscriptions_are_found_and_counted(three_stocks: Catalog, session: BulkSession) -> None:
    """What gateways have stored is what an import finds."""
    added = await three_stocks.add_stocks([Wish("ana", stock, 5, Schedule("UTC", None)) for stock in "AB"])

    keys = [("ana", "A"), ("ana", "C"), ("bob", "A")]
    assert session.transact(lambda store: store.stored(keys)) == {("ana", "A"): added[0].subscription}
    assert session.transact(lambda store: store.count(["ana", "bob"])) == {"ana": 2}


async def test_what_ended_with_its_stock_is_neither_found_nor_counted(
    three_stocks: Catalog, session: BulkSession
) -> None:
    """A subscription of a former life of its stock does not come back with the stock."""
    await three_stocks.add_stocks([Wish("ana", stock, 5, Schedule("UTC", None)) for stock in "AB"])
    await three_stocks.delete_stock("A")
    await three_stocks.create_stock("A", name=None, currency=None)

    assert session.transact(lambda store: store.stored([("ana", "A")])) == {}
    assert session.transact(lambda store: store.count(["ana"])) == {"ana": 1}


async def test_what_is_written_is_what_gateways_read(three_stocks: Catalog, session: BulkSession) -> None:
    """Rows get revisions in their order, above all that were given before."""
    first = (await three_stocks.add_stocks([Wish("bob", "C", 5, Schedule("UTC", None))]))[0].subscription
    rows = [SubscriptionRow(2, "bob", "B", TERMS), SubscriptionRow(3, "bob", "A", TERMS)]

    session.transact(lambda store: store.write([(row, None) for row in rows], NOW))

    stored = {each.stock_id: each for each in await three_stocks.subscriptions_of("bob")}
    assert stored["A"].revision > stored["B"].revision > stored["C"].revision == first.revision
    assert (stored["A"].cadence, stored["A"].schedule) == (TERMS.cadence, TERMS.schedule)
    assert stored["A"].create_time == stored["A"].update_time == NOW
    later = (await three_stocks.add_stocks([Wish("bob", "A", 5, Schedule("UTC", None))]))[0].subscription
    assert later.revision > stored["A"].revision
