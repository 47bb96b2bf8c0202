"""The rules of requests for bars."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from ticker.v1 import price_service_pb2

from ticker_server.api.pages import Page, parse_page, token_fault
from ticker_server.api.requests import DEFAULT_TIME_ZONE
from ticker_server.api.validation import Fault, Violations, stock_id_fault, time_zone_fault, timestamp_nanoseconds
from ticker_server.model.bar_span import MINUTE, Days, Lengths, Spans

__all__ = ["BarWish", "parse_list_bars"]

FIRST_INSTANT, LAST_INSTANT = -(2**63), 2**63 - 1
"""What 64 bits hold as nanoseconds, and so a database: from the year 1677 to 2262."""

_LENGTHS = {
    price_service_pb2.BAR_INTERVAL_1M: Lengths(MINUTE),
    price_service_pb2.BAR_INTERVAL_5M: Lengths(5 * MINUTE),
    price_service_pb2.BAR_INTERVAL_15M: Lengths(15 * MINUTE),
    price_service_pb2.BAR_INTERVAL_1H: Lengths(60 * MINUTE),
}
_INTERVALS = (*_LENGTHS, price_service_pb2.BAR_INTERVAL_1D)
_INTERVAL_NAMES = ", ".join(price_service_pb2.BarInterval.Name(interval) for interval in _INTERVALS)

_INSTANT = re.compile(r"-?\d{1,19}", re.ASCII)


@dataclass(frozen=True, slots=True)
class BarWish:
    """What ListBars asks for: the bars of one stock whose spans begin from `start` on and before `end`.

    Both are nanoseconds since the epoch, and the start of a span (the first and the last instant there is apart).
    `page` has the limit, and makes the token of the next page.
    """

    stock_id: str
    spans: Spans
    start: int
    end: int
    page: Page


def parse_list_bars(request: price_service_pb2.ListBarsRequest) -> BarWish:
    """Return what a ListBars request asks for, the page of its token included. Raises InvalidArgument."""
    found = Violations()
    time_zone = request.time_zone or DEFAULT_TIME_ZONE
    found.note(stock_id_fault(request.stock_id), "stock_id")
    found.note(_interval_fault(request.interval), "interval")
    start, end = _instant(found, request, "start_time"), _instant(found, request, "end_time")
    if start is not None and end is not None and start >= end:
        found.note(Fault("INVALID_TRADE_TIME", "end_time must be after start_time"), "end_time")
    found.note(time_zone_fault(time_zone), "time_zone")
    asked = (request.stock_id, str(request.interval), time_zone, str(start), str(end))
    page = parse_page(found, request, f"bars/{'/'.join(asked)}", _INSTANT)
    found.check()
    spans = _LENGTHS.get(request.interval) or Days(time_zone)
    first, last = _boundary(spans, start, FIRST_INSTANT), _boundary(spans, end, LAST_INSTANT)
    if page.after:
        next_start = int(page.after)
        if not first <= next_start < last or spans.start(next_start) != next_start:
            found.note(token_fault(request.page_token), "page_token")
            found.check()
        first = next_start
    return BarWish(request.stock_id, spans, first, last, page)


def _interval_fault(interval: int) -> Fault | None:
    if interval in _INTERVALS:
        return None
    return Fault("INVALID_FREQUENCY", f"interval must be set to one of {_INTERVAL_NAMES}, not to {interval}")


def _instant(
    found: Violations, request: price_service_pb2.ListBarsRequest, field: Literal["start_time", "end_time"]
) -> int | None:
    """Return a time of a request in nanoseconds since the epoch, None if it is not set."""
    if not request.HasField(field):
        return None
    timestamp = request.start_time if field == "start_time" else request.end_time
    instant = timestamp_nanoseconds(timestamp)
    if instant is None:
        rule = f"{field} lies in the years 1 to 9999 and has nanos from 0 to 999999999"
        found.note(Fault("INVALID_TRADE_TIME", rule), field)
    return instant


def _boundary(spans: Spans, instant: int | None, default: int) -> int:
    """Return the first start of a span from an instant on, as far as 64 bits hold it."""
    if instant is None:
        return default
    if not FIRST_INSTANT < instant < LAST_INSTANT:
        return min(max(instant, FIRST_INSTANT), LAST_INSTANT)
    return min(spans.end(instant - 1), LAST_INSTANT)
