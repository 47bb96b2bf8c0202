"""The records of a CSV text, each with the line it starts on."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from typing import NamedTuple

__all__ = ["Record", "read_records"]


class Record(NamedTuple):
    """One row: its cells without the spaces around them, or the reason why the text of it is no CSV.

    `line` counts from 1.
    """

    line: int
    cells: list[str]
    error: str = ""


def read_records(lines: Iterable[str]) -> Iterator[Record]:
    """Yield the records of a CSV text, blank ones left out; after a broken one it goes on with the next line."""
    # strict: a quote that is never closed is told, instead of becoming one long cell.
    reader = csv.reader(lines, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = [cell.strip() for cell in next(reader)]
        except StopIteration:
            return
        except csv.Error as broken:
            to_line = f" (up to line {reader.line_num})" if reader.line_num > line else ""
            yield Record(line, [], f"{broken}{to_line}")
        else:
            if any(cells):
                yield Record(line, cells)
