"""What a command writes to stdout: aligned tables for people, one JSON object per line for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from rich.cells import cell_len

__all__ = ["JsonValue", "print_json", "print_table", "table_lines"]

JsonValue = str | int | float | bool | None | Sequence["JsonValue"] | Mapping[str, "JsonValue"]

_GAP = "  "


def print_json(entry: Mapping[str, JsonValue]) -> None:
    """Write one object as one line, at once."""
    print(json.dumps(entry), flush=True)


def print_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Write a table; a heading that starts with `>` has its column aligned to the right."""
    for line in table_lines(headings, rows):
        print(line)


def table_lines(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a table: the headings in capitals, then the rows; columns as wide as they must be."""
    to_right = [heading.startswith(">") for heading in headings]
    table = [[heading.lstrip(">").upper() for heading in headings], *rows]
    widths = [max(cell_len(row[column]) for row in table) for column in range(len(headings))]
    return [_GAP.join(map(_aligned, row, widths, to_right)).rstrip() for row in table]


def _aligned(text: str, width: int, to_right: bool) -> str:
    space = " " * (width - cell_len(text))
    return space + text if to_right else text + space
