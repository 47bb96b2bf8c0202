"""Numberings as rows."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ticker_server.history.price_rows import COLUMNS, numberings_of, row_of
from ticker_server.model.acceptance import Numbering
from ticker_server.model.tick import AcceptedTick

WHOLE = st.integers(-(2**63), 2**63 - 1)
NUMBERINGS = st.builds(
    Numbering,
    st.builds(
        AcceptedTick, st.text(min_size=1, max_size=16), st.text(), st.text(), WHOLE, WHOLE, WHOLE, st.integers(0, 2**63)
    ),
    st.dictionaries(st.text(min_size=1), WHOLE, max_size=64),
)


def told(numbering: Numbering) -> tuple[object, ...]:
    """Return everything that a numbering holds, the publishers in their order."""
    newest = numbering.newest
    return (
        newest.stock_id,
        newest.price,
        newest.size,
        newest.trade_time,
        newest.accept_time,
        newest.sequence,
        newest.tick_number,
        list(numbering.publishers.items()),
    )


@given(st.lists(NUMBERINGS))
def test_rows_keep_everything(numberings: list[Numbering]) -> None:
    """What is made a row and read again is the same, digits and the order of the publishers included."""
    read = numberings_of([row_of(numbering) for numbering in numberings])

    assert [told(numbering) for numbering in read] == [told(numbering) for numbering in numberings]


def test_row_does_not_change_with_the_fold() -> None:
    """A row is as its numbering was, whatever is folded later."""
    numbering = Numbering(AcceptedTick("AAPL", "1.50", "", 1, 2, 3, 4), {"a": 1})
    row = row_of(numbering)
    numbering.publishers["b"] = 2
    numbering.newest = AcceptedTick("AAPL", "9", "", 1, 2, 4, 5)

    assert told(numberings_of([row])[0]) == ("AAPL", "1.50", "", 1, 2, 3, 4, [("a", 1)])


def test_row_has_a_value_per_column() -> None:
    """A row is as long as the list of its columns."""
    assert len(row_of(Numbering(AcceptedTick("AAPL", "1", "", 1, 2, 3, 4)))) == len(COLUMNS)
