"""A tick: one trade price of one stock at one moment, before and after acceptance.

Instants are integers, nanoseconds since the Unix epoch (UTC): exact, cheap to compare, and never naive.
Prices and sizes keep the digits as they were sent; `Decimal(tick.price)` is their value.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["PUBLISHER_ID", "AcceptedTick", "Tick", "is_price", "is_size"]

PUBLISHER_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_DECIMAL = re.compile(r"\d{1,12}(?:\.\d{1,9})?", re.ASCII)


def is_price(text: str) -> bool:
    """Tell whether a text is a price: 1-12 digits, optionally a point and 1-9 digits, above zero."""
    return _DECIMAL.fullmatch(text) is not None and text.strip("0.") != ""


def is_size(text: str) -> bool:
    """Tell whether a text is a size: the form of a price, zero allowed, or empty for unknown."""
    return text == "" or _DECIMAL.fullmatch(text) is not None


@dataclass(slots=True)
class Tick:
    """A tick as published: valid, not yet accepted.

    `trade_time` is in nanoseconds since the epoch, None when the publisher left it to the accept time.
    `publisher_id` is empty and `publisher_sequence` 0 together: then a repeat is a second tick.
    """

    stock_id: str
    price: str
    size: str = ""
    trade_time: int | None = None
    publisher_id: str = ""
    publisher_sequence: int = 0


@dataclass(slots=True, eq=False)
class AcceptedTick:
    """A tick that acceptance numbered; one object of it serves all watches.

    `sequence` is the log position + 1; `tick_number` counts the accepted ticks of the stock within the log epoch,
    0 when the count is lost. `fragment` is the update's bytes in a WatchStocksResponse, encoded on first use by
    `ticker_server.fanout.encoding` and empty until then.
    """

    stock_id: str
    price: str
    size: str
    trade_time: int
    accept_time: int
    sequence: int
    tick_number: int
    fragment: bytes = b""
