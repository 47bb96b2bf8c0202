"""A bar: what the price of one stock did in one span of time, by trade time.

Merging is commutative and associative, because open and close keep their time and place: in whatever order ticks are
taken in, and late ones come later, the bar is the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from ticker_server.model.tick import AcceptedTick

__all__ = ["Bar", "Mark", "bar_of", "merged"]


@dataclass(frozen=True, slots=True, order=True)
class Mark:
    """The place of a tick in time: by trade time (nanoseconds since the epoch), then by the log's order.

    `epoch` is the ordinal of the log epoch, in which alone sequences compare.
    """

    trade_time: int
    epoch: int
    sequence: int


@dataclass(frozen=True, slots=True)
class Bar:
    """The ticks of one stock in the span that begins at `start` (nanoseconds since the epoch), as one.

    `volume` is the sum of the known sizes. `first_sequence` and `last_sequence` are the lowest and the highest among the
    ticks of the newest epoch that the bar has any of, which is `epoch`.
    """

    stock_id: str
    start: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    tick_count: int
    epoch: int
    first_sequence: int
    last_sequence: int
    opened: Mark
    closed: Mark


def bar_of(tick: AcceptedTick, epoch: int, length: int) -> Bar:
    """Return the bar of a single tick, in the span of a length (nanoseconds) that its trade time lies in.

    Spans begin at whole multiples of their length since 1970 (UTC).
    """
    price, mark = Decimal(tick.price), Mark(tick.trade_time, epoch, tick.sequence)
    return Bar(
        stock_id=tick.stock_id,
        start=tick.trade_time - tick.trade_time % length,
        open=price,
        high=price,
        low=price,
        close=price,
        volume=Decimal(tick.size or 0),
        tick_count=1,
        epoch=epoch,
        first_sequence=tick.sequence,
        last_sequence=tick.sequence,
        opened=mark,
        closed=mark,
    )


def merged(one: Bar, other: Bar, start: int | None = None) -> Bar:
    """Return the bar of the ticks of both, which have none in common; in the span of the first one, or a longer one."""
    first = min(one, other, key=lambda bar: bar.opened)
    last = max(one, other, key=lambda bar: bar.closed)
    newest = max(one.epoch, other.epoch)
    counted = [bar for bar in (one, other) if bar.epoch == newest]
    return Bar(
        stock_id=one.stock_id,
        start=one.start if start is None else start,
        open=first.open,
        high=max(one.high, other.high),
        low=min(one.low, other.low),
        close=last.close,
        volume=one.volume + other.volume,
        tick_count=one.tick_count + other.tick_count,
        epoch=newest,
        first_sequence=min(bar.first_sequence for bar in counted),
        last_sequence=max(bar.last_sequence for bar in counted),
        opened=first.opened,
        closed=last.closed,
    )
