"""The records of a CSV text."""

from __future__ import annotations

from ticker_server.catalog.bulk.records import Record, read_records


def test_records_know_their_lines() -> None:
    """A record counts the lines before it, also blank ones and those within quotes, and its cells are stripped."""
    lines = ["a,b\n", "\n", ' 1 ,"x\n', 'y"\n', ",\n", "2,z"]

    assert list(read_records(lines)) == [
        Record(1, ["a", "b"]),
        Record(3, ["1", "x\ny"]),
        Record(6, ["2", "z"]),
    ]


def test_a_broken_record_is_told_and_the_next_one_read() -> None:
    """Text behind a closing quote breaks one record only."""
    broken, good = read_records(['"a"b,1\n', "c,2\n"])

    assert (broken.line, broken.cells) == (1, [])
    assert "expected after" in broken.error
    assert good == Record(2, ["c", "2"])


def test_a_quote_that_never_closes_is_told_with_its_extent() -> None:
    """The record ends with the text, and says up to which line it was looked for."""
    (broken,) = read_records(['"a,1\n', "b,2\n"])

    assert broken.line == 1
    assert broken.error.endswith("(up to line 2)")
