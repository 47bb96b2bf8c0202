"""Tables and JSON lines."""

from __future__ import annotations

import json

import pytest

from ticker_client.cli.output import print_json, table_lines


def test_a_table_is_as_wide_as_its_cells() -> None:
    """Columns are aligned, numbers to the right, wide letters counted as two, and no line ends in blanks."""
    lines = table_lines(("stock", ">price", "name"), [("AAPL", "9.5", "Apple"), ("東京証券", "1000.25", "")])

    assert lines == [
        "STOCK       PRICE  NAME",
        "AAPL          9.5  Apple",
        "東京証券  1000.25",
    ]


def test_json_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """An object is written as one line of ASCII, whatever letters it has."""
    print_json({"name": "Zürich\n", "price": None})

    written = capsys.readouterr().out
    assert written.count("\n") == 1
    assert written.isascii()
    assert json.loads(written) == {"name": "Zürich\n", "price": None}
