"""A row that is not imported."""

from __future__ import annotations

from ticker_server.catalog.bulk.bad_row import BadRow


def test_a_bad_row_reads_alone() -> None:
    """A bad row is told with its line, the reason, and what is wrong."""
    assert str(BadRow(17, "INVALID_USER_ID", "it is empty")) == "line 17: INVALID_USER_ID: it is empty"
