"""From records to users and subscriptions."""

from __future__ import annotations

import pytest

from ticker_server.catalog.bulk.bad_row import BadRow
from ticker_server.catalog.bulk.records import Record
from ticker_server.catalog.bulk.refusals import ColumnMissing, ColumnUnknown
from ticker_server.catalog.bulk.rows import SubscriptionReader, SubscriptionRow, UserReader, UserRow
from ticker_server.catalog.bulk.terms import TermCells, parse_terms


def test_a_user_is_its_id() -> None:
    """A file of users has one column."""
    assert UserReader(["user_id"]).row(Record(2, ["ana"])) == UserRow(2, "ana")


def test_a_file_of_subscriptions_is_no_file_of_users() -> None:
    """Columns that users do not have are refused, so that one kind is not taken for the other."""
    with pytest.raises(ColumnUnknown, match="stock_id"):
        UserReader(["user_id", "stock_id"])
    with pytest.raises(ColumnMissing, match="stock_id"):
        SubscriptionReader(["user_id"])


def test_a_subscription_has_its_fields_wherever_their_columns_stand() -> None:
    """Fields are found by the header, and those without a column take their defaults."""
    reader = SubscriptionReader(["window", "stock_id", "user_id", "frequency"])

    row = reader.row(Record(5, ["09:00-17:00", "BRK.B", "ana@example.org", "1s"]))

    assert row == SubscriptionRow(
        5, "ana@example.org", "BRK.B", parse_terms(TermCells(window="09:00-17:00", frequency="1s"))
    )


@pytest.mark.parametrize(
    ("record", "reason", "told"),
    [
        (Record(3, ["", "A", ""]), "INVALID_USER_ID", 'user_id "": write 1-64 characters'),
        (Record(3, ["ana\udcff", "A", ""]), "INVALID_USER_ID", 'user_id "ana\\udcff"'),
        (Record(3, ["ana", "aapl", ""]), "INVALID_STOCK_ID", 'did you mean "AAPL"?'),
        (Record(3, ["ana", "*", ""]), "INVALID_STOCK_ID", 'stock_id "*": write 1-16 characters'),
        (Record(3, ["ana", "A", "Mars/X"]), "INVALID_TIME_ZONE", "Mars/X"),
        (Record(3, ["ana", "A"]), "INVALID_ROW", "it has 2 columns, the header has 3"),
        (Record(3, ["ana", "A", "UTC", ""]), "INVALID_ROW", "it has 4 columns, the header has 3"),
        (Record(3, [], "unexpected end of data"), "INVALID_ROW", "unexpected end of data"),
    ],
)
def test_a_row_at_fault_is_told_with_its_line(record: Record, reason: str, told: str) -> None:
    """A row that breaks a rule is no end of the import: it is named, with the API's reason."""
    bad = SubscriptionReader(["user_id", "stock_id", "time_zone"]).row(record)

    assert isinstance(bad, BadRow)
    assert (bad.line, bad.reason) == (3, reason)
    assert told in bad.message
