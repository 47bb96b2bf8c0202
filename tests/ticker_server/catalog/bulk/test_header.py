"""Which column is which field."""

from __future__ import annotations

import pytest

from ticker_server.catalog.bulk.header import resolve_header
from ticker_server.catalog.bulk.refusals import ColumnAmbiguous, ColumnMissing, ColumnUnknown, ImportRefused

REQUIRED = ("user_id", "stock_id")
OPTIONAL = ("window",)


def test_columns_are_found_by_their_names_in_any_case_and_order() -> None:
    """The header decides where a field stands; an optional one may be missing."""
    header = resolve_header(["Stock_ID", "user_id"], required=REQUIRED, optional=OPTIONAL)

    assert header.positions == {"stock_id": 0, "user_id": 1}
    assert header.width == 2


@pytest.mark.parametrize(
    ("cells", "kind", "told"),
    [
        (["user_id"], ColumnMissing, 'no column stock_id among "user_id"'),
        (["user_id;stock_id"], ColumnMissing, "columns are separated by commas; window may be left out"),
        (["user_id", "stock_id", "zone"], ColumnUnknown, 'column "zone" is not known; the columns are user_id, st'),
        (["user_id", "stock_id", ""], ColumnUnknown, 'column "" is not known'),
        (["user_id", "stock_id", "USER_ID"], ColumnAmbiguous, "2 columns are called user_id"),
    ],
)
def test_a_header_at_fault_is_refused_by_name(cells: list[str], kind: type[ImportRefused], told: str) -> None:
    """A column that is missing, unknown or there twice is named, before any row is imported."""
    with pytest.raises(kind, match=told):
        resolve_header(cells, required=REQUIRED, optional=OPTIONAL)
