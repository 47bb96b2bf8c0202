"""Bars: the prices of one stock in spans of time, and the history that is made of them."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, overload

from ticker_client.errors import ClientMisused
from ticker_client.extras import require
from ticker_client.resume import Position, Resume

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Bar", "BarInterval", "Bars"]


class BarInterval(enum.StrEnum):
    """The length of a bar; its text, such as `"5m"`, may be written instead."""

    ONE_MINUTE = "1m"
    FIVE_MINUTES = "5m"
    FIFTEEN_MINUTES = "15m"
    ONE_HOUR = "1h"
    ONE_DAY = "1d"
    """From midnight to midnight of a time zone, so 23 or 25 hours where the clock is changed."""


@dataclass(frozen=True, slots=True)
class Bar:
    """The prices of one stock in one span of time, by trade time. A span without a tick has no bar.

    Each tick that is in the bar has a sequence up to `last_sequence`, and each that comes later and belongs into it has a
    higher one. So a program that counts on from a history by a watch adds an update to its bar if it is above that.
    """

    stock_id: str
    interval: BarInterval
    start_time: datetime
    """The start of the span, in the time zone that was asked for."""
    open: Decimal
    """The price of the first tick."""
    high: Decimal
    low: Decimal
    close: Decimal
    """The price of the last tick; the span may not be over yet."""
    volume: Decimal
    """The sum of the known sizes."""
    tick_count: int
    first_sequence: int
    """The lowest sequence among its ticks; 0 = they are of a former price log."""
    last_sequence: int
    """The highest sequence among its ticks; 0 = they are of a former price log."""


@dataclass(frozen=True, slots=True)
class Bars(Sequence[Bar]):
    """The bars of one stock, in order of their start, and where a watch goes on behind them."""

    stock_id: str
    interval: BarInterval
    time_zone: str
    """The IANA name of the zone of the times, and of the days where a bar is a day."""
    log_epoch: str
    """The identity of the price log in which the sequences count."""
    synced_through_sequence: int
    """Every tick of the stock up to this sequence, if it is of the span, is in the bars."""
    is_cut: bool = False
    """Whether an `end_time` was asked for, so that newer ticks may be missing."""
    _bars: tuple[Bar, ...] = field(default=(), repr=False)

    @overload
    def __getitem__(self, index: int) -> Bar: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[Bar, ...]: ...

    def __getitem__(self, index: int | slice) -> Bar | tuple[Bar, ...]:
        return self._bars[index]

    def __len__(self) -> int:
        return len(self._bars)

    def __iter__(self) -> Iterator[Bar]:
        return iter(self._bars)

    @property
    def resume(self) -> Resume:
        """Where a watch goes on behind this history: `client.watch(stock_id, every_tick=True, resume=bars.resume)`.

        Each tick is in a bar or comes on the watch. It is in both only where late ticks kept changing the first pages of a
        history while the others were listed; then its sequence is not above the `last_sequence` of its bar.

        Raises:
            ClientMisused: the history has an `end_time`, so a watch from here would hide what came after that.
        """
        if self.is_cut:
            raise ClientMisused("HISTORY_CUT", "a watch goes on behind a history without an end_time; list it so")
        return Resume(self.log_epoch, (Position(self.stock_id, self.synced_through_sequence, 0),))

    def to_pandas(self, *, exact: bool = False) -> pd.DataFrame:
        """Return the bars as a table: by start time, in the time zone; columns open, high, low, close and volume.

        Args:
            exact: `Decimal` objects, which are slow to compute with, instead of float64, which has 15 digits.

        Raises:
            ModuleNotFoundError: pandas is not installed; the extra `history` has it.
        """
        require("pandas", "to_pandas()")
        from ticker_client.frames import frame_of  # noqa: PLC0415 - pandas is large, and an extra

        return frame_of(self, self.time_zone, exact=exact)
