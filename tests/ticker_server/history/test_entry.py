"""Where reading goes on."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from ticker_server.errors import PriceLogUnavailable
from ticker_server.history.entry import entries


def test_stored_positions_are_gone_on_from() -> None:
    """A position that the log has is the one to go on from, and nothing is told."""
    with capture_logs() as logs:
        assert entries("t", {0: 5, 1: 0, 2: 9}, {0: 5, 1: 0, 2: 1}, {0: 5, 1: 8, 2: 10}) == {0: 5, 1: 0, 2: 9}
    assert logs == []


def test_records_that_are_gone() -> None:
    """Where the oldest records are gone, reading begins at the oldest one that is left, and the log tells."""
    with capture_logs() as logs:
        assert entries("t", {0: 0, 1: 3}, {0: 4, 1: 7}, {0: 9, 1: 7}) == {0: 4, 1: 7}

    assert [(log["log_level"], log["partition"]) for log in logs] == [("warning", "t-0"), ("error", "t-1")]
    assert logs[1]["gone"] == 4


def test_position_beyond_the_end() -> None:
    """A log that ends before what is stored is not read."""
    with pytest.raises(PriceLogUnavailable, match="t-0 ends at offset 4, before 5"):
        entries("t", {0: 5}, {0: 0}, {0: 4})


def test_nothing_to_read() -> None:
    """No partitions have no entries."""
    assert entries("t", {}, {}, {}) == {}
