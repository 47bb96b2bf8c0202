"""The records of a CSV text."""

from __future__ import annotations

import csv
import io

from hypothesis import given
from hypothesis import strategies as st

from ticker_client.cli.records import Record, read_records


def records_of(text: str) -> list[Record]:
    """Return the records of a text."""
    return list(read_records(io.StringIO(text, newline="")))


def test_a_record_knows_its_line_and_its_index() -> None:
    """Blank lines count as lines and not as records, and a quoted line break keeps a record's first line."""
    records = records_of('a,b\n\n1,"x\ny"\r\n , \n3,4')

    assert [(record.index, record.line, record.cells) for record in records] == [
        (0, 1, ("a", "b")),
        (1, 3, ("1", "x\ny")),
        (2, 6, ("3", "4")),
    ]


def test_a_quote_that_is_never_closed_is_told_with_its_lines() -> None:
    """A broken record says why, and where it ends."""
    records = records_of('a,b\n1,"2\n3,4\n')

    assert records[1].line == 2
    assert "unexpected end of data" in records[1].error
    assert "up to line 3" in records[1].error


def test_reading_goes_on_after_a_broken_record() -> None:
    """A record that is no CSV does not take the next one with it."""
    records = records_of('a,b\n1,"2"x\n3,4\n')

    assert records[1].error
    assert records[2] == Record(2, 3, ("3", "4"))


def test_a_cell_beyond_all_measure_is_a_broken_record() -> None:
    """A cell larger than the reader's limit is told, not kept."""
    records = records_of(f"a\n{'1' * (csv.field_size_limit() + 1)}\n2\n")

    assert "field larger than field limit" in records[1].error
    assert records[2].cells == ("2",)


@given(st.lists(st.lists(st.text(alphabet='ab,"\n 1'), min_size=2, max_size=3), max_size=8))
def test_what_a_csv_writer_wrote_is_read_as_it_was(rows: list[list[str]]) -> None:
    """Any rows survive being written by a CSV writer, apart from blank ones."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)

    read = [list(record.cells) for record in records_of(text.getvalue())]

    assert read == [row for row in rows if any(cell.strip() for cell in row)]
