"""From the records of a file to users or subscriptions, or to the reason why a record is neither."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

from ticker_server.catalog.bulk.bad_row import BadRow, RuleBreach
from ticker_server.catalog.bulk.header import Header, resolve_header
from ticker_server.catalog.bulk.records import Record
from ticker_server.catalog.bulk.terms import TERM_FIELDS, TermCells, Terms, parse_terms
from ticker_server.errors import shown
from ticker_server.model.stock import STOCK_ID, USER_ID

__all__ = ["SubscriptionReader", "SubscriptionRow", "UserReader", "UserRow"]

_Row = TypeVar("_Row")


class UserRow(NamedTuple):
    """A user who is to exist. `line` is where the row starts in the file."""

    line: int
    user_id: str


class SubscriptionRow(NamedTuple):
    """What AddStock would ask for. `line` is where the row starts in the file."""

    line: int
    user_id: str
    stock_id: str
    terms: Terms


class UserReader:
    """Reads the rows of a file of users; it is made from the cells of the header. Raises ImportRefused."""

    def __init__(self, header: Sequence[str]) -> None:
        self._header = resolve_header(header, required=("user_id",), optional=())

    def row(self, record: Record) -> UserRow | BadRow:
        """Return the user of a record, or what is wrong with it."""
        return _judged(record, self._header, self._user)

    def _user(self, record: Record) -> UserRow:
        return UserRow(record.line, _user_id(record.cells[0]))


class SubscriptionReader:
    """Reads the rows of a file of subscriptions; it is made from the cells of the header. Raises ImportRefused."""

    def __init__(self, header: Sequence[str]) -> None:
        self._header = resolve_header(header, required=("user_id", "stock_id"), optional=TERM_FIELDS)
        positions = self._header.positions
        self._user_id = positions["user_id"]
        self._stock_id = positions["stock_id"]
        # A field without a column is read from one past the last, where `row` puts an empty cell.
        self._terms = tuple(positions.get(field, self._header.width) for field in TERM_FIELDS)

    def row(self, record: Record) -> SubscriptionRow | BadRow:
        """Return the subscription of a record, or what is wrong with it."""
        return _judged(record, self._header, self._subscription)

    def _subscription(self, record: Record) -> SubscriptionRow:
        cells = [*record.cells, ""]
        user_id = _user_id(cells[self._user_id])
        stock_id = cells[self._stock_id]
        if STOCK_ID.fullmatch(stock_id) is None:
            hint = f"; did you mean {shown(stock_id.upper())}?" if STOCK_ID.fullmatch(stock_id.upper()) else ""
            rule = "write 1-16 characters of A-Z 0-9 . - beginning with a letter or digit"
            raise RuleBreach("INVALID_STOCK_ID", f"stock_id {shown(stock_id)}: {rule}{hint}")
        terms = parse_terms(TermCells(*[cells[position] for position in self._terms]))
        return SubscriptionRow(record.line, user_id, stock_id, terms)


def _user_id(text: str) -> str:
    if USER_ID.fullmatch(text) is None:
        rule = "write 1-64 characters of A-Z a-z 0-9 . _ @ - beginning with a letter or digit"
        raise RuleBreach("INVALID_USER_ID", f"user_id {shown(text)}: {rule}")
    return text


def _judged(record: Record, header: Header, read: Callable[[Record], _Row]) -> _Row | BadRow:
    if record.error:
        return BadRow(record.line, "INVALID_ROW", record.error)
    if len(record.cells) != header.width:
        told = f"it has {len(record.cells)} columns, the header has {header.width}"
        return BadRow(record.line, "INVALID_ROW", told)
    try:
        return read(record)
    except RuleBreach as breach:
        return BadRow(record.line, breach.reason, breach.message)
