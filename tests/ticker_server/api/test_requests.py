"""The rules of whole requests."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st
from ticker.v1 import (
    price_service_pb2,
    stock_service_pb2,
    subscription_service_pb2,
    tick_pb2,
    user_service_pb2,
)

from ticker_server.api import requests
from ticker_server.api.pages import Page, page_token
from ticker_server.errors import InvalidArgument
from ticker_server.model.schedule import DEFAULT_WINDOW, Schedule, Window
from ticker_server.model.subscription import DEFAULT_FREQUENCY, EVERY_TICK, Wish
from ticker_server.model.tick import Tick

NOW = 1_782_907_200_000_000_000

AddStockRequest = subscription_service_pb2.AddStockRequest
ActiveWindow = subscription_service_pb2.ActiveWindow

PARSERS: list[tuple[Callable[[Any], object], type[Message]]] = [
    (lambda request: requests.check_stock(request.stock_id), stock_service_pb2.GetStockRequest),
    (lambda request: requests.check_user(request.user_id), user_service_pb2.GetUserRequest),
    (requests.check_create_stock, stock_service_pb2.CreateStockRequest),
    (requests.check_update_stock, stock_service_pb2.UpdateStockRequest),
    (lambda request: requests.parse_list(request, "stocks"), stock_service_pb2.ListStocksRequest),
    (requests.parse_list_subscriptions, subscription_service_pb2.ListSubscriptionsRequest),
    (requests.parse_add_stock, AddStockRequest),
    (requests.parse_add_stocks, subscription_service_pb2.BatchAddStocksRequest),
    (requests.parse_remove_stocks, subscription_service_pb2.RemoveStocksRequest),
    (requests.parse_latest_prices, price_service_pb2.GetLatestPricesRequest),
    (lambda request: requests.parse_ticks(request, NOW), price_service_pb2.PublishPricesRequest),
]


def faults(parse: Callable[[], object]) -> list[tuple[str, str]]:
    """Return field and reason of all that is wrong with a request."""
    with pytest.raises(InvalidArgument) as raised:
        parse()
    return [(violation.field, violation.reason) for violation in raised.value.violations]


def add_request(**fields: Any) -> subscription_service_pb2.AddStockRequest:
    """Return an AddStock request of ana for AAPL."""
    return AddStockRequest(**{"user_id": "ana", "stock_id": "AAPL", **fields})


def ticks(*given_ticks: dict[str, Any]) -> price_service_pb2.PublishPricesRequest:
    """Return a publish of ticks."""
    return price_service_pb2.PublishPricesRequest(ticks=[tick_pb2.Tick(**tick) for tick in given_ticks])


@pytest.mark.parametrize(("parse", "kind"), PARSERS, ids=[kind.__name__ for _, kind in PARSERS])
@given(data=st.data())
def test_any_request_is_parsed_or_refused(
    parse: Callable[[Any], object], kind: type[Message], arbitrary: Callable[..., Any], data: st.DataObject
) -> None:
    """Whatever a request holds, it is taken or refused with InvalidArgument, never anything else."""
    request = data.draw(arbitrary(kind))
    with contextlib.suppress(InvalidArgument):
        parse(request)


def test_add_stock_takes_its_defaults() -> None:
    """A request with nothing but user and stock means UTC, 5 s, 10:00-18:00 every day."""
    assert requests.parse_add_stock(add_request()) == Wish(
        "ana", "AAPL", DEFAULT_FREQUENCY, Schedule("UTC", DEFAULT_WINDOW)
    )


def test_false_counts_as_not_set() -> None:
    """`every_tick: false` and `always: false` are as if they were left out."""
    assert requests.parse_add_stock(add_request(every_tick=False, always=False)) == requests.parse_add_stock(
        add_request()
    )


def test_add_stock_takes_what_is_set() -> None:
    """Zone, cadence and window of a request are taken exactly."""
    wish = requests.parse_add_stock(
        add_request(
            time_zone="Europe/Berlin",
            frequency=Duration(nanos=250_000_001),
            active_window=ActiveWindow(start="22:00", end="06:00", weekdays=[5, 1]),
        )
    )

    assert wish.cadence == 250_000_001
    assert wish.schedule == Schedule("Europe/Berlin", Window(22 * 60, 6 * 60, (1, 5)))


def test_add_stock_takes_every_tick_always() -> None:
    """Every tick and always are a cadence and a schedule."""
    wish = requests.parse_add_stock(add_request(every_tick=True, always=True))

    assert wish.cadence == EVERY_TICK
    assert wish.schedule.window is None


@pytest.mark.parametrize("window", [ActiveWindow(), ActiveWindow(weekdays=[1, 2]), ActiveWindow(weekdays=[2, 1, 2])])
def test_window_without_times_is_that_of_the_default(window: subscription_service_pb2.ActiveWindow) -> None:
    """Weekdays without times mean 10:00-18:00 on them; a weekday named twice counts once."""
    parsed = requests.parse_add_stock(add_request(active_window=window)).schedule.window

    assert parsed == Window(600, 1080, tuple(sorted(set(window.weekdays))))


@pytest.mark.parametrize(
    "window",
    [
        ActiveWindow(start="10:00"),
        ActiveWindow(end="18:00"),
        ActiveWindow(start="10:00", end="10:00"),
        ActiveWindow(start="25:00", end="18:00"),
        ActiveWindow(start="24:00", end="18:00"),
        ActiveWindow(start="1:00", end="18:00"),
        ActiveWindow(start="10:00", end="noon"),
        ActiveWindow(weekdays=[0]),
        ActiveWindow(weekdays=[8]),
        ActiveWindow(start="10:00", end="18:00", weekdays=[-1]),
    ],
)
def test_window_is_refused(window: subscription_service_pb2.ActiveWindow) -> None:
    """A window with one time, equal times, times that are none, or weekdays that are none is refused."""
    request = add_request(active_window=window)

    assert faults(lambda: requests.parse_add_stock(request)) == [("active_window", "INVALID_WINDOW")]


def test_add_stock_names_every_bad_field() -> None:
    """All bad fields of a request are named, in order."""
    request = AddStockRequest(
        stock_id="aapl", time_zone="Mars/Olympus", frequency=Duration(nanos=1), active_window=ActiveWindow(start="9")
    )

    assert faults(lambda: requests.parse_add_stock(request)) == [
        ("user_id", "INVALID_USER_ID"),
        ("stock_id", "INVALID_STOCK_ID"),
        ("time_zone", "INVALID_TIME_ZONE"),
        ("frequency", "INVALID_FREQUENCY"),
        ("active_window", "INVALID_WINDOW"),
    ]


def test_batch_names_the_bad_request() -> None:
    """A bad request in a batch is named by its place."""
    batch = subscription_service_pb2.BatchAddStocksRequest(requests=[add_request(), add_request(time_zone="X")])

    assert faults(lambda: requests.parse_add_stocks(batch)) == [("requests[1].time_zone", "INVALID_TIME_ZONE")]


@pytest.mark.parametrize("count", [0, 1001])
def test_batches_have_limits(count: int) -> None:
    """Batches of none or more than a thousand are refused as such, whatever is in them."""
    batch = subscription_service_pb2.BatchAddStocksRequest(requests=[AddStockRequest()] * count)
    removal = subscription_service_pb2.RemoveStocksRequest(user_id="ana", stock_ids=[f"S{i}" for i in range(count)])

    assert faults(lambda: requests.parse_add_stocks(batch)) == [("requests", "INVALID_BATCH")]
    assert faults(lambda: requests.parse_remove_stocks(removal)) == [("stock_ids", "INVALID_BATCH")]
    assert faults(lambda: requests.parse_ticks(ticks(*[{}] * count), NOW)) == [("ticks", "INVALID_BATCH")]


def test_ids_count_once() -> None:
    """Ids that are named twice count once, in the order in which they came first."""
    removal = subscription_service_pb2.RemoveStocksRequest(user_id="ana", stock_ids=["B", "A", *["B"] * 2000])

    assert requests.parse_remove_stocks(removal) == ("B", "A")


def test_bad_ids_are_named_by_their_first_place() -> None:
    """A bad id in a list is named by the place where it stands first."""
    removal = subscription_service_pb2.RemoveStocksRequest(user_id="ana", stock_ids=["A", "A", "b", "b"])

    assert faults(lambda: requests.parse_remove_stocks(removal)) == [("stock_ids[2]", "INVALID_STOCK_ID")]


def test_create_stock_leaves_defaults_alone() -> None:
    """Name and currency may be left out, but not the stock id."""
    requests.check_create_stock(stock_service_pb2.CreateStockRequest(stock_id="A"))

    request = stock_service_pb2.CreateStockRequest(name="\n", currency="usd")
    assert faults(lambda: requests.check_create_stock(request)) == [
        ("stock_id", "INVALID_STOCK_ID"),
        ("name", "INVALID_NAME"),
        ("currency", "INVALID_CURRENCY"),
    ]


def test_update_stock_needs_a_name() -> None:
    """A new name must be given."""
    request = stock_service_pb2.UpdateStockRequest(stock_id="A")

    assert faults(lambda: requests.check_update_stock(request)) == [("name", "INVALID_NAME")]


def test_latest_prices_are_of_named_stocks_or_a_page() -> None:
    """Named stocks are taken each once; without any, the page of all stocks is."""
    named = price_service_pb2.GetLatestPricesRequest(stock_ids=["B", "A", "B"])
    page = price_service_pb2.GetLatestPricesRequest(page_size=5, page_token=page_token("latest", "A"))

    assert requests.parse_latest_prices(named) == ("B", "A")
    assert requests.parse_latest_prices(page) == Page("latest", "A", 5)


def test_named_stocks_have_no_pages() -> None:
    """A page token beside named stocks belongs to no page of them."""
    request = price_service_pb2.GetLatestPricesRequest(stock_ids=["A"], page_token=page_token("latest", "A"))

    assert faults(lambda: requests.parse_latest_prices(request)) == [("page_token", "INVALID_PAGE_TOKEN")]


def test_token_of_another_user_is_refused() -> None:
    """A page token of one user's subscriptions is none of another's."""
    request = subscription_service_pb2.ListSubscriptionsRequest(
        user_id="bob", page_token=page_token("subscriptions/ana", "A")
    )

    assert faults(lambda: requests.parse_list_subscriptions(request)) == [("page_token", "INVALID_PAGE_TOKEN")]


def test_ticks_are_taken_exactly() -> None:
    """Digits, nanoseconds and publisher of a tick are kept as they were sent."""
    request = ticks(
        {"stock_id": "A", "price": "007.50", "size": "0", "publisher_id": "p", "publisher_sequence": 7},
        {"stock_id": "B", "price": "1", "trade_time": Timestamp(seconds=-1, nanos=1)},
        {"stock_id": "B", "price": "1", "trade_time": Timestamp()},
    )

    assert requests.parse_ticks(request, NOW) == [
        Tick("A", "007.50", "0", None, "p", 7),
        Tick("B", "1", "", -999_999_999),
        Tick("B", "1", "", 0),
    ]


def test_one_bad_tick_is_named() -> None:
    """One bad tick among a thousand is named by place and field."""
    request = ticks(*[{"stock_id": "A", "price": "1"}] * 1000)
    request.ticks[3].price = "abc"

    assert faults(lambda: requests.parse_ticks(request, NOW)) == [("ticks[3].price", "INVALID_PRICE")]


def test_bad_tick_names_every_field() -> None:
    """All bad fields of a tick are named."""
    request = ticks(
        {"stock_id": "a", "price": "-1", "size": "x", "trade_time": Timestamp(nanos=-1), "publisher_id": "p"}
    )

    assert faults(lambda: requests.parse_ticks(request, NOW)) == [
        ("ticks[0].stock_id", "INVALID_STOCK_ID"),
        ("ticks[0].price", "INVALID_PRICE"),
        ("ticks[0].size", "INVALID_SIZE"),
        ("ticks[0].trade_time", "INVALID_TRADE_TIME"),
        ("ticks[0].publisher_id", "INVALID_PUBLISHER"),
    ]


@pytest.mark.parametrize(
    ("trade_time", "refused"),
    [
        (NOW + 5_000_000_000, False),
        (NOW + 5_000_000_001, True),
        (-(2**63), False),
        (-(2**63) - 1, True),
        (-62_135_596_800 * 10**9, True),
    ],
)
def test_trade_time_has_limits(trade_time: int, *, refused: bool) -> None:
    """A trade time lies at most 5 s ahead, and may have any age that 64 bits of nanoseconds hold."""
    seconds, nanos = divmod(trade_time, 10**9)
    request = ticks({"stock_id": "A", "price": "1", "trade_time": Timestamp(seconds=seconds, nanos=nanos)})

    if refused:
        assert faults(lambda: requests.parse_ticks(request, NOW)) == [("ticks[0].trade_time", "INVALID_TRADE_TIME")]
    else:
        assert requests.parse_ticks(request, NOW)[0].trade_time == trade_time
