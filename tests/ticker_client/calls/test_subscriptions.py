"""Calls of the SubscriptionService."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from ticker.v1 import subscription_service_pb2 as wire

from tests.ticker_client.messages import duration
from tests.ticker_client.scripted_server import ScriptedServer
from ticker_client import (
    InvalidArgument,
    RemovedStocks,
    Subscription,
    SubscriptionRequest,
    TickerClient,
    Weekday,
    Window,
)

DAY = Timestamp(seconds=86_400)
DAY_TIME = datetime(1970, 1, 2, tzinfo=UTC)
PACED = wire.Subscription(
    user_id="ana",
    stock_id="AAPL",
    time_zone="Europe/Berlin",
    frequency=duration(timedelta(seconds=5)),
    active_window=wire.ActiveWindow(start="22:00", end="04:00", weekdays=[1, 5]),
    revision=9,
    create_time=DAY,
    update_time=DAY,
    next_open_time=DAY,
)


def request(**fields: object) -> wire.AddStockRequest:
    """Return the request for AAPL of ana in UTC with further fields."""
    return wire.AddStockRequest(user_id="ana", stock_id="AAPL", time_zone="UTC", **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wish", "sent"),
    [
        (SubscriptionRequest("AAPL"), request()),
        (SubscriptionRequest("AAPL", every_tick=True, always=True), request(every_tick=True, always=True)),
        (
            SubscriptionRequest("AAPL", frequency=timedelta(milliseconds=100)),
            request(frequency=duration(timedelta(milliseconds=100))),
        ),
        (SubscriptionRequest("AAPL", frequency=timedelta()), request(frequency=duration(timedelta()))),
        (
            SubscriptionRequest("AAPL", window=Window("09:30", "24:00", (Weekday.MONDAY, 7))),
            request(active_window=wire.ActiveWindow(start="09:30", end="24:00", weekdays=[1, 7])),
        ),
    ],
)
async def test_a_wish_is_sent_as_it_is(
    server: ScriptedServer, ticker: TickerClient, wish: SubscriptionRequest, sent: wire.AddStockRequest
) -> None:
    """A batch sends each wish with what was given, and leaves defaults to the server."""
    await ticker.add_stocks([wish])

    assert server.requests == [wire.BatchAddStocksRequest(requests=[sent])]


async def test_adding_one_stock_takes_the_same_words(server: ScriptedServer, ticker: TickerClient) -> None:
    """`add_stock` sends its arguments, and returns the subscription and whether it is new."""
    server.answers["AddStock"] = lambda _: wire.AddStockResponse(subscription=PACED, created=True)
    added = await ticker.add_stock(
        "AAPL",
        user_id="bob",
        time_zone="Europe/Berlin",
        frequency=timedelta(seconds=5),
        window=Window("22:00", "04:00", (1, 5)),
    )

    assert server.requests == [
        wire.AddStockRequest(
            user_id="bob",
            stock_id="AAPL",
            time_zone="Europe/Berlin",
            frequency=duration(timedelta(seconds=5)),
            active_window=wire.ActiveWindow(start="22:00", end="04:00", weekdays=[1, 5]),
        )
    ]
    assert added.created
    assert added.subscription == Subscription(
        user_id="ana",
        stock_id="AAPL",
        time_zone="Europe/Berlin",
        frequency=timedelta(seconds=5),
        every_tick=False,
        window=Window("22:00", "04:00", (1, 5)),
        always=False,
        revision=9,
        create_time=DAY_TIME,
        update_time=DAY_TIME,
        open_now=False,
        next_open_time=DAY_TIME,
    )


@pytest.mark.parametrize(
    ("wish", "reason"),
    [
        (SubscriptionRequest("AAPL", every_tick=True, frequency=timedelta(seconds=1)), "INVALID_CADENCE"),
        (SubscriptionRequest("AAPL", always=True, window=Window()), "INVALID_WINDOW"),
        (SubscriptionRequest("AAPL", window=Window(weekdays=(0,))), "INVALID_WINDOW"),
    ],
)
async def test_what_the_wire_cannot_say_is_refused_here(
    server: ScriptedServer, ticker: TickerClient, wish: SubscriptionRequest, reason: str
) -> None:
    """Two cadences, two schedules or a weekday that is none raise InvalidArgument before anything is sent."""
    with pytest.raises(InvalidArgument) as caught:
        await ticker.add_stocks([wish])

    assert (caught.value.reason, server.requests) == (reason, [])


async def test_removing_tells_what_was_not_there(server: ScriptedServer, ticker: TickerClient) -> None:
    """Removing returns which stocks were removed and which were not followed."""
    server.answers["RemoveStocks"] = lambda _: wire.RemoveStocksResponse(
        removed_stock_ids=["AAPL"], not_subscribed_stock_ids=["X"]
    )

    assert await ticker.remove_stocks("AAPL", "X") == RemovedStocks(("AAPL",), ("X",))
    assert server.requests == [wire.RemoveStocksRequest(user_id="ana", stock_ids=["AAPL", "X"])]


async def test_listing_goes_through_all_pages(server: ScriptedServer, ticker: TickerClient) -> None:
    """Listing yields the subscriptions of all pages; one with every tick at all hours has no frequency and no window."""
    always = wire.Subscription(user_id="ana", stock_id="MSFT", every_tick=True, always=True, open_now=True)
    pages = {
        "": wire.ListSubscriptionsResponse(subscriptions=[PACED], next_page_token="t"),
        "t": wire.ListSubscriptionsResponse(subscriptions=[always]),
    }
    server.answers["ListSubscriptions"] = lambda request: pages[request.page_token]
    subscriptions = [subscription async for subscription in ticker.list_subscriptions()]

    assert [subscription.stock_id for subscription in subscriptions] == ["AAPL", "MSFT"]
    last = subscriptions[1]
    assert (last.every_tick, last.frequency, last.always, last.window) == (True, None, True, None)
    assert (last.open_now, last.next_open_time) == (True, None)
