"""Calls of the SubscriptionService."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

from ticker.v1 import subscription_service_pb2 as wire

from ticker_client.calls.caller import PAGE_SIZE, Caller, paged
from ticker_client.errors import InvalidArgument
from ticker_client.instants import datetime_of, duration_of, nanoseconds_of, optional_datetime_of, timedelta_of
from ticker_client.models import AddedStock, RemovedStocks, Subscription, SubscriptionRequest, Window

__all__ = ["SubscriptionCalls"]


class SubscriptionCalls(Caller):
    """Follow stocks; without a user id the client's own user is meant."""

    async def add_stock(  # noqa: PLR0913 - the words of a subscription; SubscriptionRequest holds them as one object
        self,
        stock_id: str,
        *,
        user_id: str | None = None,
        time_zone: str = "UTC",
        frequency: timedelta | None = None,
        every_tick: bool = False,
        window: Window | None = None,
        always: bool = False,
    ) -> AddedStock:
        """Follow a stock, or follow it in another way: what was there is replaced as a whole.

        The arguments are those of SubscriptionRequest. A user that does not exist is created.

        Raises:
            InvalidArgument, NotFound (no such stock), LimitExceeded.
        """
        wish = SubscriptionRequest(stock_id, user_id, time_zone, frequency, every_tick, window, always)
        return _added_of(await self._connection.ask(lambda stubs: stubs.subscriptions.AddStock, self._request(wish)))

    async def add_stocks(self, requests: Sequence[SubscriptionRequest]) -> list[AddedStock]:
        """Follow 1-1000 stocks, of one user or several: all of them, or none. Raises as `add_stock`."""
        request = wire.BatchAddStocksRequest(requests=map(self._request, requests))
        answer = await self._connection.ask(lambda stubs: stubs.subscriptions.BatchAddStocks, request)
        return [_added_of(response) for response in answer.responses]

    async def remove_stocks(self, *stock_ids: str, user_id: str | None = None) -> RemovedStocks:
        """Follow stocks no longer; tells which of them were not followed anyway. Raises NotFound for the user."""
        request = wire.RemoveStocksRequest(user_id=self._user(user_id), stock_ids=stock_ids)
        answer = await self._connection.ask(lambda stubs: stubs.subscriptions.RemoveStocks, request)
        return RemovedStocks(tuple(answer.removed_stock_ids), tuple(answer.not_subscribed_stock_ids))

    def list_subscriptions(self, user_id: str | None = None) -> AsyncIterator[Subscription]:
        """Yield all subscriptions of a user, ordered by stock id. Raises NotFound for the user."""
        user = self._user(user_id)

        async def ask(token: str) -> wire.ListSubscriptionsResponse:
            request = wire.ListSubscriptionsRequest(user_id=user, page_size=PAGE_SIZE, page_token=token)
            return await self._connection.ask(lambda stubs: stubs.subscriptions.ListSubscriptions, request)

        return paged(ask, lambda page: map(_subscription_of, page.subscriptions))

    def _request(self, wish: SubscriptionRequest) -> wire.AddStockRequest:
        if wish.every_tick and wish.frequency is not None:
            raise InvalidArgument("INVALID_CADENCE", "every_tick and frequency exclude each other")
        if wish.always and wish.window is not None:
            raise InvalidArgument("INVALID_WINDOW", "always and window exclude each other")
        request = wire.AddStockRequest(
            user_id=self._user(wish.user_id), stock_id=wish.stock_id, time_zone=wish.time_zone
        )
        if wish.every_tick:
            request.every_tick = True
        elif wish.frequency is not None:
            request.frequency.CopyFrom(duration_of(wish.frequency))
        if wish.always:
            request.always = True
        elif wish.window is not None:
            request.active_window.CopyFrom(_message_of(wish.window))
        return request


def _message_of(window: Window) -> wire.ActiveWindow:
    message = wire.ActiveWindow(start=window.start, end=window.end)
    for day in window.weekdays:
        if day not in range(1, 8):
            raise InvalidArgument("INVALID_WINDOW", f"weekday {day} is not 1 (Monday) to 7 (Sunday)")
        message.weekdays.append(wire.Weekday.ValueType(day))
    return message


def _added_of(message: wire.AddStockResponse) -> AddedStock:
    return AddedStock(_subscription_of(message.subscription), message.created)


def _subscription_of(message: wire.Subscription) -> Subscription:
    hours = message.active_window
    window = Window(hours.start, hours.end, tuple(hours.weekdays)) if message.HasField("active_window") else None
    return Subscription(
        user_id=message.user_id,
        stock_id=message.stock_id,
        time_zone=message.time_zone,
        frequency=timedelta_of(message.frequency) if message.HasField("frequency") else None,
        every_tick=message.every_tick,
        window=window,
        always=message.always,
        revision=message.revision,
        create_time=datetime_of(nanoseconds_of(message.create_time)),
        update_time=datetime_of(nanoseconds_of(message.update_time)),
        open_now=message.open_now,
        next_open_time=optional_datetime_of(message.next_open_time, present=message.HasField("next_open_time")),
    )
