"""Which column of a file is which field."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from ticker_server.catalog.bulk.refusals import ColumnAmbiguous, ColumnMissing, ColumnUnknown
from ticker_server.errors import shown

__all__ = ["Header", "resolve_header"]


@dataclass(frozen=True, slots=True)
class Header:
    """Positions of the fields in a row, counted from 0, and how many columns a row has."""

    width: int
    positions: dict[str, int]


def resolve_header(cells: Sequence[str], *, required: Sequence[str], optional: Sequence[str]) -> Header:
    """Find the fields in the first row of a file, by their names in any case and in any order.

    Raises:
        ColumnMissing: A required field has no column.
        ColumnUnknown: A column is no field; importing the rest would silently lose what it says.
        ColumnAmbiguous: Two columns have the same name.
    """
    names = [cell.lower() for cell in cells]
    known = (*required, *optional)
    for field in required:
        if field not in names:
            there = ", ".join(shown(cell) for cell in cells[: len(known)])
            raise ColumnMissing(f"no column {field} among {there}; columns are separated by commas{_choice(optional)}")
    for name, cell in zip(names, cells, strict=True):
        if name not in known:
            raise ColumnUnknown(f"column {shown(cell)} is not known; the columns are {', '.join(known)}")
    for name, count in Counter(names).items():
        if count > 1:
            raise ColumnAmbiguous(f"{count} columns are called {name}")
    return Header(len(names), {name: index for index, name in enumerate(names)})


def _choice(optional: Collection[str]) -> str:
    return f"; {', '.join(optional)} may be left out" if optional else ""
