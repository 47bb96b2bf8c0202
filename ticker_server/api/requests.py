"""The rules of whole requests, all but those of a watch and of bars: each is judged as a whole, with every fault it has.

`check_` functions only judge; `parse_` functions also return what the request says in the words of the model, with
all defaults filled in. All raise InvalidArgument.
"""

from __future__ import annotations

from collections.abc import Sequence

from ticker.v1 import price_service_pb2, stock_service_pb2, subscription_service_pb2, tick_pb2, watch_service_pb2

from ticker_server.api.pages import Page, PageRequest, parse_page
from ticker_server.api.validation import (
    Fault,
    Violations,
    currency_fault,
    duration_nanoseconds,
    first_indexes,
    frequency_fault,
    length_fault,
    name_fault,
    price_fault,
    publisher_fault,
    size_fault,
    stock_id_fault,
    time_zone_fault,
    timestamp_nanoseconds,
    user_id_fault,
)
from ticker_server.errors import shown
from ticker_server.model.acceptance import MAX_TRADE_TIME_LEAD
from ticker_server.model.schedule import DEFAULT_WINDOW, Schedule, Window, parse_window
from ticker_server.model.subscription import DEFAULT_FREQUENCY, EVERY_TICK, Wish
from ticker_server.model.tick import Tick

__all__ = [
    "DEFAULT_TIME_ZONE",
    "check_create_stock",
    "check_stock",
    "check_update_stock",
    "check_user",
    "parse_add_stock",
    "parse_add_stocks",
    "parse_cadence",
    "parse_latest_prices",
    "parse_list",
    "parse_list_subscriptions",
    "parse_remove_stocks",
    "parse_ticks",
]

DEFAULT_TIME_ZONE = "UTC"

FIRST_TRADE_TIME = -(2**63)
"""The first instant that a database holds as nanoseconds in 64 bits."""


def check_stock(stock_id: str) -> None:
    """Judge a request that names one stock."""
    found = Violations()
    found.note(stock_id_fault(stock_id), "stock_id")
    found.check()


def check_user(user_id: str) -> None:
    """Judge a request that names one user."""
    found = Violations()
    found.note(user_id_fault(user_id), "user_id")
    found.check()


def check_create_stock(request: stock_service_pb2.CreateStockRequest) -> None:
    """Judge a CreateStock request; an empty name or currency is left to its default."""
    found = Violations()
    found.note(stock_id_fault(request.stock_id), "stock_id")
    if request.name:
        found.note(name_fault(request.name), "name")
    if request.currency:
        found.note(currency_fault(request.currency), "currency")
    found.check()


def check_update_stock(request: stock_service_pb2.UpdateStockRequest) -> None:
    """Judge an UpdateStock request; it must have the new name."""
    found = Violations()
    found.note(stock_id_fault(request.stock_id), "stock_id")
    found.note(name_fault(request.name), "name")
    found.check()


def parse_list(request: PageRequest, kind: str) -> Page:
    """Return the page that a list request asks for."""
    found = Violations()
    page = parse_page(found, request, kind)
    found.check()
    return page


def parse_list_subscriptions(request: subscription_service_pb2.ListSubscriptionsRequest) -> Page:
    """Return the page of a user's subscriptions that a request asks for."""
    found = Violations()
    found.note(user_id_fault(request.user_id), "user_id")
    page = parse_page(found, request, f"subscriptions/{request.user_id}")
    found.check()
    return page


def parse_add_stock(request: subscription_service_pb2.AddStockRequest) -> Wish:
    """Return the wish that an AddStock request makes."""
    found = Violations()
    wish = _wish(found, request)
    found.check()
    return wish


def parse_add_stocks(request: subscription_service_pb2.BatchAddStocksRequest) -> list[Wish]:
    """Return the wishes of a batch, in its order; one bad request makes all of it bad."""
    found = Violations()
    if found.note(length_fault(len(request.requests), "requests"), "requests"):
        found.check()
    wishes = [_wish(found, single, "requests", index) for index, single in enumerate(request.requests)]
    found.check()
    return wishes


def parse_remove_stocks(request: subscription_service_pb2.RemoveStocksRequest) -> tuple[str, ...]:
    """Return the stocks to remove, each once, in the order of the request."""
    found = Violations()
    found.note(user_id_fault(request.user_id), "user_id")
    stock_ids = _stock_ids(found, request.stock_ids)
    found.check()
    return stock_ids


def parse_latest_prices(request: price_service_pb2.GetLatestPricesRequest) -> tuple[str, ...] | Page:
    """Return the stocks that a request names, each once, or, where it names none, the page of all stocks."""
    found = Violations()
    stock_ids = _stock_ids(found, request.stock_ids) if request.stock_ids else ()
    # Named stocks are answered at once, so no token belongs to them and any is refused.
    page = parse_page(found, request, "latest-of-named" if stock_ids else "latest")
    found.check()
    return stock_ids or page


def parse_ticks(request: price_service_pb2.PublishPricesRequest, now: int) -> list[Tick]:
    """Return the ticks to publish; one bad tick makes all of them bad. `now` is the time a trade time may not pass."""
    found = Violations()
    if found.note(length_fault(len(request.ticks), "ticks"), "ticks"):
        found.check()
    ticks = [_tick(found, tick, index, now) for index, tick in enumerate(request.ticks)]
    found.check()
    return ticks


def parse_cadence(
    found: Violations,
    request: subscription_service_pb2.AddStockRequest | watch_service_pb2.WatchStocksRequest,
    *path: str | int,
) -> int:
    """Return a request's cadence: a frequency in nanoseconds, or EVERY_TICK. `every_tick: false` is as not set."""
    cadence = request.WhichOneof("cadence")
    if cadence == "every_tick" and request.every_tick:
        return EVERY_TICK
    if cadence == "frequency" and not found.note(frequency_fault(request.frequency), *path, "frequency"):
        return duration_nanoseconds(request.frequency) or DEFAULT_FREQUENCY
    return DEFAULT_FREQUENCY


def _wish(found: Violations, request: subscription_service_pb2.AddStockRequest, *path: str | int) -> Wish:
    time_zone = request.time_zone or DEFAULT_TIME_ZONE
    found.note(user_id_fault(request.user_id), *path, "user_id")
    found.note(stock_id_fault(request.stock_id), *path, "stock_id")
    found.note(time_zone_fault(time_zone), *path, "time_zone")
    return Wish(
        user_id=request.user_id,
        stock_id=request.stock_id,
        cadence=parse_cadence(found, request, *path),
        schedule=Schedule(time_zone, _window(found, request, *path)),
    )


def _window(found: Violations, request: subscription_service_pb2.AddStockRequest, *path: str | int) -> Window | None:
    """Return the window a request asks for, None for `always`; `always: false` is as not set."""
    if request.always:
        return None
    if request.WhichOneof("schedule") != "active_window":
        return DEFAULT_WINDOW
    try:
        return _parse_window(request.active_window)
    except ValueError as error:
        found.note(Fault("INVALID_WINDOW", str(error)), *path, "active_window")
        return DEFAULT_WINDOW


def _parse_window(window: subscription_service_pb2.ActiveWindow) -> Window:
    """Return a window; without times it is that of the default, on the chosen weekdays. Raises ValueError."""
    start, end = window.start, window.end
    if bool(start) != bool(end):
        missing, given = ("start", f"end {shown(end)}") if end else ("end", f"start {shown(start)}")
        raise ValueError(f"a window has both start and end or neither; {missing} is missing beside {given}")
    for weekday in window.weekdays:
        if not 1 <= weekday <= 7:
            raise ValueError(f"a weekday is WEEKDAY_MONDAY (1) to WEEKDAY_SUNDAY (7), not {weekday}")
    if not start:
        start, end = DEFAULT_WINDOW.start_text, DEFAULT_WINDOW.end_text
    return parse_window(start, end, window.weekdays)


def _stock_ids(found: Violations, stock_ids: Sequence[str]) -> tuple[str, ...]:
    """Return ids each once, in order; their count is judged before they are."""
    indexes = first_indexes(stock_ids)
    if not found.note(length_fault(len(indexes), "stock_ids"), "stock_ids"):
        for stock_id, index in indexes.items():
            found.note(stock_id_fault(stock_id), "stock_ids", index)
    return tuple(indexes)


def _tick(found: Violations, tick: tick_pb2.Tick, index: int, now: int) -> Tick:
    found.note(stock_id_fault(tick.stock_id), "ticks", index, "stock_id")
    found.note(price_fault(tick.price), "ticks", index, "price")
    found.note(size_fault(tick.size), "ticks", index, "size")
    trade_time = timestamp_nanoseconds(tick.trade_time) if tick.HasField("trade_time") else None
    if tick.HasField("trade_time"):
        found.note(_trade_time_fault(trade_time, now), "ticks", index, "trade_time")
    found.note(publisher_fault(tick.publisher_id, tick.publisher_sequence), "ticks", index, "publisher_id")
    return Tick(tick.stock_id, tick.price, tick.size, trade_time, tick.publisher_id, tick.publisher_sequence)


def _trade_time_fault(trade_time: int | None, now: int) -> Fault | None:
    if trade_time is None:
        return Fault("INVALID_TRADE_TIME", "a trade time lies in the years 1 to 9999 and has nanos from 0 to 999999999")
    if trade_time > now + MAX_TRADE_TIME_LEAD:
        ahead = (trade_time - now) // 1_000_000_000
        return Fault("INVALID_TRADE_TIME", f"a trade time is at most 5 s ahead of the server's clock, not {ahead} s")
    if trade_time < FIRST_TRADE_TIME:
        return Fault("INVALID_TRADE_TIME", "a trade time is not before 1677-09-21T00:12:43.145224192Z")
    return None
