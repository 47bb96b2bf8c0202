"""Bars of any length, made of the stored ones of one minute: a bounded piece of work per answer, as of one moment."""

from __future__ import annotations

import asyncio
from typing import Protocol

from ticker.v1 import price_service_pb2

from ticker_server.api.bar_requests import BarWish
from ticker_server.api.messages import bar_message
from ticker_server.api.pages import page_token
from ticker_server.model.bar import Bar
from ticker_server.model.bar_page import BarPage
from ticker_server.model.bar_span import BarFold
from ticker_server.model.stock import Stock

__all__ = ["BarLister", "BarSource"]

AT_ONCE = 3_000
"""So many stored bars are read at once, and folded in one turn of the event loop; above LONGEST_SPAN_MINUTES, so that
each answer has a bar at least."""

IN_ALL = 100_000
"""After so many an answer is given, be it short: those of 1,000 hours, or of a year of trading days. At 9 us of the event
loop each, with folding, that is a second, 15 ms at a time."""

_READERS = 2
"""So many answers read at a time: they take turns on the event loop anyway, and the database has few connections."""


class BarSource(Protocol):
    """Where bars of one minute are stored."""

    async def read(self, stock_id: str, start: int, end: int, limit: int) -> BarPage:
        """Return the first `limit` bars of a stock with `start <= bar.start < end` (nanoseconds), as of one moment.

        Raises DatabaseUnavailable.
        """


class BarLister:
    """Answers ListBars from stored bars. `log_epoch` is that of the price log, of which nothing may be stored yet.

    For one answer it reads about `in_all` stored bars at most, `at_once` at a time.
    """

    def __init__(self, source: BarSource, log_epoch: str, *, at_once: int = AT_ONCE, in_all: int = IN_ALL) -> None:
        self._source = source
        self._log_epoch = log_epoch
        self._at_once = at_once
        self._in_all = in_all
        self._turns = asyncio.Semaphore(_READERS)

    async def list_bars(self, stock: Stock, wish: BarWish) -> price_service_pb2.ListBarsResponse:
        """Return the bars of a stock from the beginning of what is wished for, as many as the page may have.

        All are as of one moment. If a tick of the stock is stored while they are read, the page ends with what was read
        before: otherwise it might be in the later ones and not in the earlier ones. Raises DatabaseUnavailable.
        """
        async with self._turns:
            made = _Answer(stock, wish)
            while made.wanted and made.read_count < self._in_all:
                limit = min(made.wanted, self._at_once)
                made.take(await self._source.read(stock.stock_id, made.at, wish.end, limit), limit)
                await asyncio.sleep(0)
        moment = made.moment
        return price_service_pb2.ListBarsResponse(
            bars=[bar_message(bar, moment.ordinal) for bar in made.bars],
            next_page_token="" if made.is_last else page_token(wish.page.kind, str(made.next_start)),
            log_epoch=moment.epoch or self._log_epoch,
            synced_through_sequence=moment.synced_through,
        )


class _Answer:
    """An answer in the making: it takes what is read until it is full, or done, or that is as of another moment.

    `bars` are complete. `at` is from where to read on, and `read_count` counts what was read. `is_last` says whether
    nothing is left after these bars.
    """

    def __init__(self, stock: Stock, wish: BarWish) -> None:
        self.bars: list[Bar] = []
        self.at = wish.start
        self.read_count = 0
        self.is_last = False
        self._stock = stock
        self._spans = wish.spans
        self._limit = wish.page.limit
        self._fold = BarFold(wish.spans)
        self._moment: BarPage | None = None
        self._stopped = False

    @property
    def moment(self) -> BarPage:
        """What was read first; all bars are as of the same moment."""
        assert self._moment is not None
        return self._moment

    @property
    def wanted(self) -> int:
        """How many bars of one minute to read next: one more than can be in this answer; 0 = none."""
        return 0 if self._stopped else self._spans.minutes(self._limit - len(self.bars)) + 1

    @property
    def next_start(self) -> int:
        """The start of the first span that is not in this answer, if there are more."""
        return self._spans.end(self.bars[-1].start) if self.bars else self._spans.start(self.at)

    def take(self, read: BarPage, limit: int) -> None:
        """Take what was read from `at` on, of which `limit` was asked for."""
        if self._moment is None:
            self._moment = read
        elif (read.epoch, read.synced_through) != (self._moment.epoch, self._moment.synced_through):
            self._stopped = True
            return
        for bar in read.bars:
            is_hidden = self._is_of_former_life(bar)
            self._put(self._fold.pass_to(bar.start) if is_hidden else self._fold.add(bar))
        self.read_count += len(read.bars)
        if read.bars:
            self.at = read.bars[-1].start + 1
        if len(read.bars) < limit and not self._stopped:
            self._put(self._fold.finish())
            self.is_last = self._stopped = True

    def _put(self, bar: Bar | None) -> None:
        """Add a complete bar, if there is one; those beyond the limit are for the next page."""
        if bar is not None and not self._stopped:
            self.bars.append(bar)
            self._stopped = len(self.bars) >= self._limit

    def _is_of_former_life(self, bar: Bar) -> bool:
        """Tell whether all ticks of a bar came before the stock was deleted and created again, in this log.

        A minute in which that happened is whole. Of an older log it is not known any more what came when.
        """
        moment, stock = self.moment, self._stock
        if stock.hidden_epoch != moment.epoch:
            return False
        return bar.epoch < moment.ordinal or stock.hides(bar.last_sequence, moment.epoch)
