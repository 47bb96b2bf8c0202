"""From the rows of a price file to ticks, or to the reason why a row is none."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import tzinfo

from ticker_client.cli.columns import Columns
from ticker_client.cli.failures import shown
from ticker_client.cli.records import Record
from ticker_client.cli.trade_time import parse_trade_time

__all__ = ["BadRow", "CsvTick", "RowReader", "TickRow", "is_stock_id"]

_STOCK_ID = re.compile(r"[A-Z0-9][A-Z0-9.-]{0,15}", re.ASCII)
_DECIMAL = re.compile(r"\d{1,12}(?:\.\d{1,9})?", re.ASCII)
_DECIMAL_RULE = "write 1-12 digits, and at most 9 after a point"


@dataclass(frozen=True, slots=True)
class CsvTick:
    """One price of one row.

    `number` is its running number in the file, from 1: a function of row and column alone, so that it stays the same
    whatever becomes of other rows. `trade_time` is in nanoseconds since the epoch, None when the file has none.
    """

    stock_id: str
    price: str
    size: str
    trade_time: int | None
    number: int


@dataclass(frozen=True, slots=True)
class TickRow:
    """The ticks of one row, in the order of their columns; `line` is where the row starts in the file."""

    line: int
    ticks: tuple[CsvTick, ...]


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that breaks a rule, and how many ticks it would have made."""

    line: int
    reason: str
    message: str
    tick_count: int


class _RuleBreach(Exception):
    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


def is_stock_id(text: str) -> bool:
    """Tell whether a text has the form of a stock id: up to 16 capitals, digits, points and hyphens."""
    return _STOCK_ID.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class RowReader:
    """Turns the rows of one file into ticks by the rules of the server.

    `stock_id` stands for all rows, or is empty when a column has it. `zone` is the clock of local trade times.
    A trade time after `latest` (nanoseconds since the epoch) is refused.
    """

    columns: Columns
    stock_id: str
    zone: tzinfo
    latest: int

    def row(self, record: Record) -> TickRow | BadRow:
        """Return the ticks of one record after the header, or what is wrong with it."""
        try:
            return TickRow(record.line, self._ticks(record))
        except _RuleBreach as breach:
            return BadRow(record.line, breach.reason, breach.message, len(self.columns.prices))

    def _ticks(self, record: Record) -> tuple[CsvTick, ...]:
        columns = self.columns
        cells = record.cells
        if record.error:
            raise _RuleBreach("INVALID_ROW", record.error)
        if len(cells) != len(columns.header):
            raise _RuleBreach("INVALID_ROW", f"it has {len(cells)} columns, the header has {len(columns.header)}")
        stock_id = self.stock_id or self._stock_id(cells)
        trade_time = self._trade_time(cells)
        size = self._size(cells)
        last = len(columns.prices) - 1
        first_number = (record.index - 1) * len(columns.prices) + 1
        return tuple(
            CsvTick(
                stock_id=stock_id,
                price=self._price(cells, column),
                size=size if place == last else "",
                trade_time=trade_time,
                number=first_number + place,
            )
            for place, column in enumerate(columns.prices)
        )

    def _stock_id(self, cells: tuple[str, ...]) -> str:
        assert self.columns.stock_id is not None, "a file without a stock for all rows has a stock column"
        name, text = self._cell(cells, self.columns.stock_id)
        if not is_stock_id(text):
            raise _RuleBreach(
                "INVALID_STOCK_ID", f"{name} {shown(text)}: write 1-16 characters A-Z, 0-9, point and hyphen"
            )
        return text

    def _price(self, cells: tuple[str, ...], column: int) -> str:
        name, text = self._cell(cells, column)
        if _DECIMAL.fullmatch(text) is None:
            raise _RuleBreach("INVALID_PRICE", f"{name} {shown(text)}: {_DECIMAL_RULE}")
        if text.strip("0.") == "":
            raise _RuleBreach("INVALID_PRICE", f"{name} {shown(text)}: a price is above zero")
        return text

    def _size(self, cells: tuple[str, ...]) -> str:
        if self.columns.size is None:
            return ""
        name, text = self._cell(cells, self.columns.size)
        if text and _DECIMAL.fullmatch(text) is None:
            raise _RuleBreach("INVALID_SIZE", f"{name} {shown(text)}: {_DECIMAL_RULE}, or nothing")
        return text

    def _trade_time(self, cells: tuple[str, ...]) -> int | None:
        if self.columns.trade_time is None:
            return None
        name, text = self._cell(cells, self.columns.trade_time)
        if not text:
            return None
        try:
            instant = parse_trade_time(text, self.zone)
        except ValueError as error:
            raise _RuleBreach("INVALID_TRADE_TIME", f"{name} {shown(text)}: {error}") from None
        if instant > self.latest:
            raise _RuleBreach("INVALID_TRADE_TIME", f"{name} {shown(text)}: it is in the future")
        return instant

    def _cell(self, cells: tuple[str, ...], column: int) -> tuple[str, str]:
        return self.columns.header[column], cells[column].strip()
