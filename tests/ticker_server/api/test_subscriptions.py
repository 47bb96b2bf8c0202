"""The SubscriptionService."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from ticker.v1 import subscription_service_pb2

from ticker_server.api.caller import Caller
from ticker_server.api.subscriptions import SubscriptionServicer
from ticker_server.errors import InvalidArgument, StockNotFound, UserNotFound

CALLER = Caller()
AddStockRequest = subscription_service_pb2.AddStockRequest


@pytest.fixture
async def servicer(catalog: Any, clock: Any) -> SubscriptionServicer:
    """A servicer over a catalog with the stocks A, B and C."""
    for stock_id in "ABC":
        await catalog.create_stock(stock_id, name=None, currency=None)
    return SubscriptionServicer(catalog, clock)


def batch(*requests: subscription_service_pb2.AddStockRequest) -> subscription_service_pb2.BatchAddStocksRequest:
    """Return a batch of requests."""
    return subscription_service_pb2.BatchAddStocksRequest(requests=requests)


async def test_added_stock_is_told(servicer: SubscriptionServicer) -> None:
    """AddStock answers with the subscription and whether it is new."""
    request = AddStockRequest(user_id="ana", stock_id="A", frequency=Duration(seconds=2))

    first = await servicer.add_stock(request, CALLER)
    second = await servicer.add_stock(request, CALLER)

    assert (first.created, second.created) == (True, False)
    assert first.subscription.frequency.seconds == 2
    assert first.subscription.time_zone == "UTC"
    assert first.subscription.open_now


async def test_closed_subscription_tells_its_opening(servicer: SubscriptionServicer, clock: Any) -> None:
    """A stock that is added in the evening says when it opens next."""
    clock.now += 8 * 3600 * 10**9

    added = await servicer.add_stock(AddStockRequest(user_id="ana", stock_id="A"), CALLER)

    assert not added.subscription.open_now
    assert added.subscription.next_open_time.ToJsonString() == "2026-07-02T10:00:00Z"


async def test_batch_answers_in_order(servicer: SubscriptionServicer) -> None:
    """A batch for several users has one answer per request, in order."""
    answer = await servicer.batch_add_stocks(
        batch(AddStockRequest(user_id="bob", stock_id="C"), AddStockRequest(user_id="ana", stock_id="A")), CALLER
    )

    told = [(each.subscription.user_id, each.subscription.stock_id) for each in answer.responses]
    assert told == [("bob", "C"), ("ana", "A")]


async def test_unknown_stock_in_a_batch_is_named(servicer: SubscriptionServicer, catalog: Any) -> None:
    """A stock that does not exist is named by its place, and nothing is added."""
    requests = batch(AddStockRequest(user_id="ana", stock_id="A"), AddStockRequest(user_id="ana", stock_id="ZZZ"))

    with pytest.raises(StockNotFound, match=r"requests\[1\]\.stock_id"):
        await servicer.batch_add_stocks(requests, CALLER)

    assert not catalog.subscriptions


async def test_bad_request_in_a_batch_adds_nothing(servicer: SubscriptionServicer, catalog: Any) -> None:
    """A request that breaks a rule is named by its place, and nothing is added."""
    requests = batch(AddStockRequest(user_id="ana", stock_id="A"), AddStockRequest(user_id="ana", stock_id="a"))

    with pytest.raises(InvalidArgument, match=r"^INVALID_STOCK_ID: requests\[1\]\.stock_id"):
        await servicer.batch_add_stocks(requests, CALLER)

    assert not catalog.subscriptions


async def test_removed_and_not_subscribed_are_told(servicer: SubscriptionServicer) -> None:
    """RemoveStocks says which stocks were removed and which were not subscribed, each once."""
    await servicer.add_stock(AddStockRequest(user_id="ana", stock_id="B"), CALLER)

    answer = await servicer.remove_stocks(
        subscription_service_pb2.RemoveStocksRequest(user_id="ana", stock_ids=["C", "B", "A", "B"]), CALLER
    )

    assert list(answer.removed_stock_ids) == ["B"]
    assert list(answer.not_subscribed_stock_ids) == ["C", "A"]


async def test_pages_hold_all_subscriptions_once(servicer: SubscriptionServicer) -> None:
    """Page after page, each subscription of a user comes once, in order of stocks."""
    for stock_id in "CAB":
        await servicer.add_stock(AddStockRequest(user_id="ana", stock_id=stock_id), CALLER)
    request = subscription_service_pb2.ListSubscriptionsRequest(user_id="ana", page_size=2)

    first = await servicer.list_subscriptions(request, CALLER)
    request.page_token = first.next_page_token
    second = await servicer.list_subscriptions(request, CALLER)

    assert [each.stock_id for each in (*first.subscriptions, *second.subscriptions)] == ["A", "B", "C"]
    assert not second.next_page_token


async def test_unknown_user_has_no_list(servicer: SubscriptionServicer) -> None:
    """A user that does not exist is told so."""
    with pytest.raises(UserNotFound):
        await servicer.list_subscriptions(subscription_service_pb2.ListSubscriptionsRequest(user_id="bob"), CALLER)
