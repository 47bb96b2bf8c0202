"""Ticks on their way in, prices on their way out.

Prices are `Decimal`, never floating point. Times are `datetime` in UTC, and integers as well, nanoseconds since the
epoch, because a `datetime` ends at microseconds.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from ticker.v1 import tick_pb2

from ticker_client.instants import datetime_of, nanoseconds_of

__all__ = ["LatestPrices", "PublishOutcome", "PublishResult", "StockPrice", "Tick"]


@dataclass(frozen=True, slots=True)
class Tick:
    """One trade price of one stock at one moment, to be published."""

    stock_id: str
    price: Decimal | str
    """Above zero; text keeps its digits as they stand."""
    size: Decimal | str | None = None
    """How much was traded; None = unknown."""
    trade_time: datetime | int | None = None
    """A datetime with a zone, or nanoseconds since the epoch; None = the moment at which the server accepts it."""
    publisher_sequence: int | None = None
    """Strictly increasing for one publisher and stock; None = the publisher draws it."""

    def __post_init__(self) -> None:
        for number in (self.price, self.size):
            if isinstance(number, float):
                raise TypeError("a price or size is text or a Decimal: a float has lost digits already")
        if isinstance(self.trade_time, datetime):
            nanoseconds_of(self.trade_time)


class PublishOutcome(enum.StrEnum):
    """What became of a published tick."""

    ACCEPTED = "ACCEPTED"
    """Durable in the price log."""
    DUPLICATE = "DUPLICATE"
    """Not above the last one of this publisher and stock: dropped as a repeat."""
    UNKNOWN = "UNKNOWN"
    """Nobody answered in time; it may be in the log or not. Repeat it before anything later of that stock."""


@dataclass(frozen=True, slots=True)
class PublishResult:
    """The outcome of one tick."""

    outcome: PublishOutcome
    sequence: int = 0
    """The place of an accepted tick in the price log; 0 when it is not known."""


class StockPrice:
    """A price of a stock as the price log numbered it; fields are decoded when they are read."""

    __slots__ = ("_message",)

    def __init__(self, message: tick_pb2.StockUpdate) -> None:
        self._message = message

    @property
    def stock_id(self) -> str:
        """The ticker symbol."""
        return self._message.stock_id

    @property
    def price(self) -> Decimal:
        """The price, exact."""
        return Decimal(self._message.price)

    @property
    def price_text(self) -> str:
        """The price with its digits as they were published."""
        return self._message.price

    @property
    def size(self) -> Decimal | None:
        """How much was traded; None = unknown."""
        return Decimal(self._message.size) if self._message.size else None

    @property
    def size_text(self) -> str:
        """The size with its digits as they were published; empty = unknown."""
        return self._message.size

    @property
    def trade_time_ns(self) -> int:
        """When it was traded, in nanoseconds since the epoch."""
        return nanoseconds_of(self._message.trade_time)

    @property
    def trade_time(self) -> datetime:
        """When it was traded, in UTC, cut to microseconds."""
        return datetime_of(self.trade_time_ns)

    @property
    def accept_time_ns(self) -> int:
        """When the price log took it, in nanoseconds since the epoch; never goes back within a log epoch."""
        return nanoseconds_of(self._message.accept_time)

    @property
    def accept_time(self) -> datetime:
        """When the price log took it, in UTC, cut to microseconds."""
        return datetime_of(self.accept_time_ns)

    @property
    def sequence(self) -> int:
        """The place in the price log: strictly increasing for one stock within a log epoch, with holes."""
        return self._message.sequence

    @property
    def tick_number(self) -> int:
        """The count of accepted ticks of this stock up to this one, without holes; 0 = the server lost the count."""
        return self._message.tick_number

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self._state() == other._state()

    def __hash__(self) -> int:
        return hash((self.stock_id, self.sequence))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.stock_id} {self.price_text} #{self.tick_number} @{self.sequence})"

    def _state(self) -> tuple[object, ...]:
        return (self._message,)


@dataclass(frozen=True, slots=True)
class LatestPrices:
    """The newest price of each stock that was asked for."""

    prices: tuple[StockPrice, ...]
    unpriced: tuple[str, ...]
    """Stocks that have no price yet."""
    unknown: tuple[str, ...]
    """Ids that are no stock."""
    log_epoch: str
    """The identity of the price log; sequences compare only within one."""
