from __future__ import annotations

import asyncio
from itertools import islice
from typing import TYPE_CHECKING

import pytest

from tests.support.virtual_clock import VirtualClock
from ticker_server.demo.market import STOCKS, Market
from ticker_server.demo.scenario import DEMO_USER, play_market, prepare
from ticker_server.feed.log import Outcome, Published

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ticker_server.app import Gateway
    from ticker_server.model.tick import Tick


class Enough(Exception):
    """Ends a market that plays for ever."""


async def test_prepared_gateway_has_priced_stocks_and_a_user_with_five_of_them(gateway: Gateway) -> None:
    """The scenario creates ten stocks with a price each, and a user who follows five around the clock."""
    await prepare(gateway.catalog, gateway.price_log.publish)

    stocks = await gateway.catalog.list_stocks(after="", limit=100)
    subscriptions = await gateway.catalog.subscriptions_of(DEMO_USER)
    assert {stock.stock_id for stock in stocks} == {stock.stock_id for stock in STOCKS}
    assert len(subscriptions) == 5
    assert all(subscription.schedule.window is None for subscription in subscriptions)


async def test_market_publishes_its_ticks_in_order_and_safe_to_repeat() -> None:
    """The market's ticks are published as they come, with a publisher and a rising sequence."""
    published: list[Tick] = []

    async def publish(ticks: Sequence[Tick]) -> list[Published]:
        published.extend(ticks)
        if len(published) == 5:
            raise Enough
        await asyncio.sleep(0)
        return [Published(Outcome.ACCEPTED, 1)]

    class Hurried(VirtualClock):
        def monotonic(self) -> int:
            self.advance(3600)
            return super().monotonic()

    with pytest.raises(Enough):
        await play_market(Market(7), publish, Hurried())

    expected = [each.tick for each in islice(Market(7).ticks(), 5)]
    sequences = [tick.publisher_sequence for tick in published]
    assert [(tick.stock_id, tick.price) for tick in published] == [(tick.stock_id, tick.price) for tick in expected]
    assert sequences == sorted(set(sequences))
    assert {tick.publisher_id for tick in published} == {"demo-market"}
