"""The records of a CSV text, each with the line it starts on."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

__all__ = ["Record", "read_records"]


@dataclass(frozen=True, slots=True)
class Record:
    """One row: its cells, or the reason why the text of it is no CSV.

    `index` counts all rows but blank ones from 0, the header included; `line` counts from 1.
    """

    index: int
    line: int
    cells: tuple[str, ...]
    error: str = ""


def read_records(lines: Iterable[str]) -> Iterator[Record]:
    """Yield the records of a CSV text; after a broken one it goes on with the next line."""
    # strict: a quote that is never closed is told, instead of becoming one long cell.
    reader = csv.reader(lines, strict=True)
    index = 0
    while True:
        line = reader.line_num + 1
        error = ""
        cells: list[str] = []
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as broken:
            to_line = f" (up to line {reader.line_num})" if reader.line_num > line else ""
            error = f"{broken}{to_line}"
        if error or any(cell.strip() for cell in cells):
            yield Record(index, line, tuple(cells), error)
            index += 1
