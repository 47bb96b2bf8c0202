"""Which column of a price file is which field of a tick."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ticker_client.cli.failures import CommandError, shown

__all__ = ["FIELDS", "Columns", "parse_column_map", "resolve_columns"]

FIELDS = ("stock_id", "price", "size", "trade_time")


@dataclass(frozen=True, slots=True)
class Columns:
    """Positions in a row, counted from 0; None = the file has no such column.

    `prices` makes one tick each, in that order. `header` is the row of names they were found in.
    """

    header: tuple[str, ...]
    stock_id: int | None
    prices: tuple[int, ...]
    size: int | None
    trade_time: int | None


def parse_column_map(options: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return field -> column names from `--map FIELD=COLUMN[,COLUMN...]` options.

    Raises:
        CommandError: an option is malformed, names no field, or names a field twice.
    """
    mapping: dict[str, tuple[str, ...]] = {}
    for option in options:
        field, _, names = (part.strip() for part in option.partition("="))
        columns = tuple(name.strip() for name in names.split(","))
        if not all(columns):
            raise CommandError("USAGE", f"--map {shown(option)}: write FIELD=COLUMN, such as price=Close")
        if field not in FIELDS:
            raise CommandError("USAGE", f"--map {shown(option)}: the fields are {', '.join(FIELDS)}")
        if field in mapping:
            raise CommandError("USAGE", f"--map names {field} twice; several price columns are price=Open,Close")
        if len(columns) > 1 and field != "price":
            raise CommandError("USAGE", f"--map {shown(option)}: only price may have several columns")
        mapping[field] = columns
    return mapping


def resolve_columns(header: Sequence[str], mapping: Mapping[str, Sequence[str]], *, has_stock: bool) -> Columns:
    """Find the mapped columns in a header; a field that is not mapped is found by its own name, in any case.

    Args:
        header: the first row of the file.
        mapping: what `--map` says.
        has_stock: one stock was named for all rows, so no column is looked for.

    Raises:
        CommandError: a column is missing or there twice.
    """
    names = tuple(name.strip() for name in header)
    stock_id = None if has_stock else _one(names, mapping, "stock_id", needed=True)
    return Columns(
        header=names,
        stock_id=stock_id,
        prices=_positions(names, mapping, "price", needed=True),
        size=_one(names, mapping, "size", needed=False),
        trade_time=_one(names, mapping, "trade_time", needed=False),
    )


def _one(names: tuple[str, ...], mapping: Mapping[str, Sequence[str]], field: str, *, needed: bool) -> int | None:
    positions = _positions(names, mapping, field, needed=needed)
    return positions[0] if positions else None


def _positions(
    names: tuple[str, ...], mapping: Mapping[str, Sequence[str]], field: str, *, needed: bool
) -> tuple[int, ...]:
    if field in mapping:
        return tuple(_position(names, [name for name in names if name == wanted], wanted) for wanted in mapping[field])
    guesses = [name for name in names if name.lower() == field]
    if not guesses and not needed:
        return ()
    return (_position(names, guesses, field),)


def _position(names: tuple[str, ...], matches: Sequence[str], wanted: str) -> int:
    if not matches:
        there = ", ".join(names)
        hint = "; --map FIELD=COLUMN says which column is which field" if wanted in FIELDS else ""
        raise CommandError("MISSING_COLUMN", f"no column {shown(wanted)} among {there[:200]}{hint}")
    if len(matches) > 1:
        raise CommandError("AMBIGUOUS_COLUMN", f"{len(matches)} columns are called {shown(wanted)}")
    return names.index(matches[0])
