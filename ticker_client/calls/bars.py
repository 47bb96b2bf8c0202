"""The history of a stock, by ListBars of the PriceService."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from ticker.v1 import price_service_pb2 as wire

from ticker_client.bars import Bar, BarInterval, Bars
from ticker_client.calls.caller import PAGE_SIZE, Caller
from ticker_client.errors import InvalidArgument, Unavailable
from ticker_client.instants import datetime_of, nanoseconds_of, timestamp_of

__all__ = ["BarCalls"]

_INTERVALS = {
    BarInterval.ONE_MINUTE: wire.BAR_INTERVAL_1M,
    BarInterval.FIVE_MINUTES: wire.BAR_INTERVAL_5M,
    BarInterval.FIFTEEN_MINUTES: wire.BAR_INTERVAL_15M,
    BarInterval.ONE_HOUR: wire.BAR_INTERVAL_1H,
    BarInterval.ONE_DAY: wire.BAR_INTERVAL_1D,
}
_ATTEMPTS = 3
"""So often a history is listed, if what was listed changes meanwhile."""


class BarCalls(Caller):
    """Read the history of stocks."""

    async def bars(
        self,
        stock_id: str,
        *,
        interval: BarInterval | str = BarInterval.ONE_DAY,
        start_time: datetime | int | None = None,
        end_time: datetime | int | None = None,
        time_zone: str = "UTC",
    ) -> Bars:
        """Return the history of a stock as bars, all pages of it: see `list_bars()`, which takes the same arguments.

        It is as of one moment, and `bars.resume` is where a watch goes on behind it.

        Raises:
            NotFound, InvalidArgument; NotBuilt, if the server keeps no bars.
            Unavailable: the price log was replaced again and again meanwhile.
            ValueError: a time has no zone.
        """
        request, zone = _request_of(stock_id, interval, start_time, end_time, time_zone)
        for _ in range(_ATTEMPTS):
            pages = [page async for page in self._pages(request)]
            synced = pages[-1].synced_through_sequence
            if await self._stood_still(request, pages):
                break
        else:
            # What was stored while the pages were listed may be of bars that were listed before that.
            synced = min(page.synced_through_sequence for page in pages)
        if any(page.log_epoch != pages[-1].log_epoch for page in pages):
            raise Unavailable("LOG_REPLACED", "the price log was replaced while its bars were listed; list them again")
        return Bars(
            stock_id,
            BarInterval(interval),
            time_zone,
            pages[-1].log_epoch,
            synced,
            end_time is not None,
            tuple(_bar_of(bar, stock_id, BarInterval(interval), zone) for page in pages for bar in page.bars),
        )

    async def list_bars(
        self,
        stock_id: str,
        *,
        interval: BarInterval | str = BarInterval.ONE_DAY,
        start_time: datetime | int | None = None,
        end_time: datetime | int | None = None,
        time_zone: str = "UTC",
    ) -> AsyncIterator[Bar]:
        """Yield the bars of a stock in order of their start, asking for a page when it is needed.

        Args:
            stock_id: its ticker symbol.
            interval: the length of a bar, a BarInterval or its text: 1m, 5m, 15m, 1h or 1d.
            start_time: the first moment of the span; None = the oldest bar. A datetime with a zone, or nanoseconds
                since the epoch.
            end_time: the end of the span, which does not belong to it; None = all there is.
            time_zone: the IANA name of the zone of the times, and of the days where a bar is a day.

        Raises:
            NotFound, InvalidArgument; NotBuilt, if the server keeps no bars.
            ValueError: a time has no zone.
        """
        request, zone = _request_of(stock_id, interval, start_time, end_time, time_zone)
        async for page in self._pages(request):
            for bar in page.bars:
                yield _bar_of(bar, stock_id, BarInterval(interval), zone)

    async def _stood_still(self, request: wire.ListBarsRequest, pages: Sequence[wire.ListBarsResponse]) -> bool:
        """Tell whether all pages are as of the moment at which the last one was listed.

        Each page is as of one moment, but ticks may be stored between two of them. Most are of the newest bars, which are
        on the last page; whether one was late, and of another page, a second look at those tells.
        """
        last = pages[-1]
        if all(_moment(page) == _moment(last) for page in pages):
            return True
        if any(page.log_epoch != last.log_epoch for page in pages):
            return False
        earlier = [bar for page in pages[:-1] for bar in page.bars]
        looked_at = 0
        async for page in self._pages(request):
            bars = page.bars[: len(earlier) - looked_at]
            if page.log_epoch != last.log_epoch or page.synced_through_sequence < last.synced_through_sequence:
                return False
            if bars != earlier[looked_at : looked_at + len(bars)]:
                return False
            looked_at += len(bars)
            if looked_at == len(earlier):
                break
        return looked_at == len(earlier)

    async def _pages(self, request: wire.ListBarsRequest) -> AsyncIterator[wire.ListBarsResponse]:
        request.page_token = ""
        while True:
            page = await self._connection.ask(lambda stubs: stubs.prices.ListBars, request)
            yield page
            request.page_token = page.next_page_token
            if not page.next_page_token:
                return


def _request_of(
    stock_id: str,
    interval: BarInterval | str,
    start_time: datetime | int | None,
    end_time: datetime | int | None,
    time_zone: str,
) -> tuple[wire.ListBarsRequest, ZoneInfo]:
    """Return what to ask for, and the zone of the times. Raises InvalidArgument for what the client sees itself."""
    try:
        length = _INTERVALS[BarInterval(interval)]
    except ValueError:
        known = ", ".join(BarInterval)
        raise InvalidArgument("INVALID_INTERVAL", f"{interval!r} is no interval; the intervals are {known}") from None
    try:
        zone = ZoneInfo(time_zone)
    except (KeyError, ValueError, OSError):
        message = f"{time_zone!r} is no IANA time zone, such as America/New_York"
        raise InvalidArgument("INVALID_TIME_ZONE", message) from None
    request = wire.ListBarsRequest(stock_id=stock_id, interval=length, time_zone=time_zone, page_size=PAGE_SIZE)
    for moment, name in ((start_time, "start_time"), (end_time, "end_time")):
        if moment is not None:
            nanoseconds = nanoseconds_of(moment) if isinstance(moment, datetime) else moment
            getattr(request, name).CopyFrom(timestamp_of(nanoseconds))
    return request, zone


def _moment(page: wire.ListBarsResponse) -> tuple[str, int]:
    return page.log_epoch, page.synced_through_sequence


def _bar_of(message: wire.Bar, stock_id: str, interval: BarInterval, zone: ZoneInfo) -> Bar:
    return Bar(
        stock_id=stock_id,
        interval=interval,
        start_time=datetime_of(nanoseconds_of(message.start_time)).astimezone(zone),
        open=Decimal(message.open),
        high=Decimal(message.high),
        low=Decimal(message.low),
        close=Decimal(message.close),
        volume=Decimal(message.volume or 0),
        tick_count=message.tick_count,
        first_sequence=message.first_sequence,
        last_sequence=message.last_sequence,
    )
