"""The rows of a file in groups."""

from __future__ import annotations

from ticker_server.catalog.bulk.bad_row import BadRow
from ticker_server.catalog.bulk.chunks import Chunk, chunks_of
from ticker_server.catalog.bulk.records import Record


def read(record: Record) -> int | BadRow:
    """Return the number in a record; zero is a bad row."""
    number = int(record.cells[0])
    return number or BadRow(record.line, "INVALID_ROW", "zero")


def test_a_chunk_has_so_many_rows_good_or_bad() -> None:
    """Bad rows count, so that a file of nothing else does not fill the memory."""
    records = [Record(line, [cell]) for line, cell in enumerate("10203", start=2)]

    assert list(chunks_of(records, read, size=2)) == [
        Chunk([1], [BadRow(3, "INVALID_ROW", "zero")]),
        Chunk([2], [BadRow(5, "INVALID_ROW", "zero")]),
        Chunk([3]),
    ]


def test_no_records_are_no_chunk() -> None:
    """A file with a header alone has nothing to import."""
    assert list(chunks_of([], read)) == []
