"""The listed stocks in memory."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ticker_server.catalog.directory import StockDirectory
from ticker_server.model.change import Change, StockCreated, StockDeleted, StockRenamed, UserDeleted
from ticker_server.model.stock import Stock

IDS = ["9X", "AAPL", "BRK-C", "BRK.B", "BRKA"]


def stock(stock_id: str, name: str = "") -> Stock:
    """Return a stock."""
    return Stock(stock_id, name or stock_id, "USD", 1)


def directory(*stock_ids: str) -> StockDirectory:
    """Return a directory that knows these stocks."""
    known = StockDirectory()
    known.load(stock(stock_id) for stock_id in stock_ids)
    return known


def test_stocks_come_in_order() -> None:
    """Ids and stocks come in the order of the ids, whatever the order in which they were loaded."""
    known = directory("BRKA", "9X", "BRK.B", "AAPL", "BRK-C")

    assert list(known) == IDS
    assert [each.stock_id for each in known.values()] == IDS
    assert len(known) == 5


def test_page_goes_on_after_an_id() -> None:
    """A page has the stocks above an id, which need not be listed itself."""
    known = directory(*IDS)

    assert [each.stock_id for each in known.after("", 2)] == ["9X", "AAPL"]
    assert [each.stock_id for each in known.after("AAPL", 2)] == ["BRK-C", "BRK.B"]
    assert [each.stock_id for each in known.after("B", 9)] == ["BRK-C", "BRK.B", "BRKA"]
    assert known.after("Z", 9) == []


def test_changes_are_followed() -> None:
    """A stock is listed from its creation to its deletion, under its newest name."""
    known = directory()
    known.apply(StockCreated(stock("AAPL"), 1))
    assert known.get("AAPL") == stock("AAPL")

    known.apply(StockRenamed(stock("AAPL", "Apple"), 2))
    assert known.values() == [stock("AAPL", "Apple")]
    assert "AAPL" in known

    known.apply(StockDeleted("AAPL", 3))
    assert known.get("AAPL") is None
    assert "AAPL" not in known
    assert list(known) == []


def test_late_repeat_is_ignored() -> None:
    """A change that comes again after a later one does not bring a deleted stock back."""
    known = directory()
    created, deleted = StockCreated(stock("AAPL"), 1), StockDeleted("AAPL", 2)
    for change in (created, deleted, created):
        known.apply(change)

    assert known.values() == []


def test_changes_of_users_are_ignored() -> None:
    """What does not concern stocks changes nothing."""
    known = directory("AAPL")
    known.apply(UserDeleted("ana", 1))

    assert list(known) == ["AAPL"]


def test_change_during_an_iteration_is_safe() -> None:
    """Going through the ids sees them as they were, while a stock is deleted."""
    known = directory(*IDS)
    seen = []
    for stock_id in known:
        known.apply(StockDeleted(stock_id, 1))
        seen.append(stock_id)

    assert seen == IDS
    assert len(known) == 0


@given(st.lists(st.tuples(st.sampled_from(IDS), st.booleans())))
def test_directory_equals_a_dict(steps: list[tuple[str, bool]]) -> None:
    """After any changes, sent twice, the directory has the stocks that a plain dict would have, sorted."""
    known, plain = StockDirectory(), dict[str, Stock]()
    for revision, (stock_id, listed) in enumerate(steps, 1):
        change: Change
        if listed:
            plain[stock_id] = stock(stock_id, f"name {revision}")
            change = StockCreated(plain[stock_id], revision)
        else:
            plain.pop(stock_id, None)
            change = StockDeleted(stock_id, revision)
        known.apply(change)
        known.apply(change)

    assert known.values() == [plain[stock_id] for stock_id in sorted(plain)]
