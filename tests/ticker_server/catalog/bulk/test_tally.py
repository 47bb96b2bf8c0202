"""What became of rows."""

from __future__ import annotations

from ticker_server.catalog.bulk.tally import Tally


def test_tallies_add_up() -> None:
    """The rows of two parts of a file are those of both."""
    tally = Tally(imported=1, unchanged=2, replaced=3, rejected=4)

    tally.add(Tally(imported=10, unchanged=20, replaced=30, rejected=40))

    assert tally == Tally(imported=11, unchanged=22, replaced=33, rejected=44)
    assert tally.total == 110


def test_a_tally_reads_as_a_sum() -> None:
    """The line that sums up an import names each count."""
    assert str(Tally(1, 2, 3, 4)) == "imported 1, unchanged 2, replaced 3, rejected 4"
