"""The rows of a file in groups that are imported together, so that memory does not grow with the file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Generic, TypeVar

from ticker_server.catalog.bulk.bad_row import BadRow
from ticker_server.catalog.bulk.records import Record

__all__ = ["CHUNK_ROWS", "Chunk", "chunks_of"]

CHUNK_ROWS = 5_000
"""A chunk is one transaction: larger ones are hardly faster, and keep a gateway waiting for their users' rows."""

_Row = TypeVar("_Row")


@dataclass(slots=True)
class Chunk(Generic[_Row]):
    """Rows that follow each other in the file: those that may be imported, and those at fault."""

    rows: list[_Row] = field(default_factory=list)
    bad: list[BadRow] = field(default_factory=list)


def chunks_of(
    records: Iterable[Record], read: Callable[[Record], _Row | BadRow], *, size: int = CHUNK_ROWS
) -> Iterator[Chunk[_Row]]:
    """Yield the rows of the records that follow the header, `size` of them at a time."""
    rest = iter(records)
    while group := list(islice(rest, size)):
        chunk: Chunk[_Row] = Chunk()
        for row in map(read, group):
            if isinstance(row, BadRow):
                chunk.bad.append(row)
            else:
                chunk.rows.append(row)
        yield chunk
