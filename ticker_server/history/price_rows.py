"""A numbering as a row of `latest_price`, both ways, with every digit and the publishers' order kept."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TypeAlias

from ticker_server.model.acceptance import Numbering
from ticker_server.model.tick import AcceptedTick

__all__ = ["COLUMNS", "PriceRow", "numberings_of", "row_of"]

PriceRow: TypeAlias = tuple[str, str, str, int, int, int, int, str]

COLUMNS = (
    ("stock_id", "text"),
    ("price_text", "text"),
    ("size_text", "text"),
    ("trade_time_ns", "bigint"),
    ("accept_time_ns", "bigint"),
    ("sequence", "bigint"),
    ("tick_number", "bigint"),
    ("publishers", "json"),
)
"""The columns of a row in order, with their types."""


def row_of(numbering: Numbering) -> PriceRow:
    """Return a numbering as it is now; what is folded later does not change the row."""
    newest = numbering.newest
    return (
        newest.stock_id,
        newest.price,
        newest.size,
        newest.trade_time,
        newest.accept_time,
        newest.sequence,
        newest.tick_number,
        json.dumps(list(numbering.publishers.items()), separators=(",", ":")),
    )


def numberings_of(rows: Sequence[PriceRow]) -> list[Numbering]:
    """Return the numberings of rows that were read, the publishers as the JSON text that they were written as."""
    # One document of all is decoded ten times as fast as each by itself.
    publishers = json.loads(f"[{','.join(row[-1] for row in rows)}]")
    return [Numbering(AcceptedTick(*row[:-1]), dict(pairs)) for row, pairs in zip(rows, publishers, strict=True)]
