"""The SubscriptionService: which stocks a user follows, how often, and in which hours."""

from __future__ import annotations

from ticker.v1 import subscription_service_pb2

from ticker_server.api import requests
from ticker_server.api.caller import Caller
from ticker_server.api.messages import subscription_message
from ticker_server.catalog import AddedStock, Catalog
from ticker_server.clock import Clock

__all__ = ["SubscriptionServicer"]


class SubscriptionServicer:
    """Answers the RPCs of SubscriptionService from the catalog."""

    def __init__(self, catalog: Catalog, clock: Clock) -> None:
        self._catalog = catalog
        self._clock = clock

    async def add_stock(
        self, request: subscription_service_pb2.AddStockRequest, _caller: Caller
    ) -> subscription_service_pb2.AddStockResponse:
        """Add a stock to a user's subscriptions, or replace what the user said of it before."""
        wish = requests.parse_add_stock(request)
        (added,) = await self._catalog.add_stocks([wish])
        return _added_message(added, self._clock.wall())

    async def batch_add_stocks(
        self, request: subscription_service_pb2.BatchAddStocksRequest, _caller: Caller
    ) -> subscription_service_pb2.BatchAddStocksResponse:
        """Add several stocks, for one user or several: all or none."""
        wishes = requests.parse_add_stocks(request)
        added = await self._catalog.add_stocks(wishes, field=lambda index: f"requests[{index}].stock_id")
        now = self._clock.wall()
        return subscription_service_pb2.BatchAddStocksResponse(responses=[_added_message(each, now) for each in added])

    async def remove_stocks(
        self, request: subscription_service_pb2.RemoveStocksRequest, _caller: Caller
    ) -> subscription_service_pb2.RemoveStocksResponse:
        """Remove stocks from a user's subscriptions and say which were among them."""
        stock_ids = requests.parse_remove_stocks(request)
        removal = await self._catalog.remove_stocks(request.user_id, stock_ids)
        return subscription_service_pb2.RemoveStocksResponse(
            removed_stock_ids=removal.removed, not_subscribed_stock_ids=removal.not_subscribed
        )

    async def list_subscriptions(
        self, request: subscription_service_pb2.ListSubscriptionsRequest, _caller: Caller
    ) -> subscription_service_pb2.ListSubscriptionsResponse:
        """Return a page of a user's subscriptions, ordered by stock id."""
        page = requests.parse_list_subscriptions(request)
        listed = await self._catalog.list_subscriptions(request.user_id, after=page.after, limit=page.limit + 1)
        subscriptions, next_page_token = page.cut(listed, lambda subscription: subscription.stock_id)
        now = self._clock.wall()
        return subscription_service_pb2.ListSubscriptionsResponse(
            subscriptions=[subscription_message(subscription, now) for subscription in subscriptions],
            next_page_token=next_page_token,
        )


def _added_message(added: AddedStock, now: int) -> subscription_service_pb2.AddStockResponse:
    return subscription_service_pb2.AddStockResponse(
        subscription=subscription_message(added.subscription, now), created=added.created
    )
