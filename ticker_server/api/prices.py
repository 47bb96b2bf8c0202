"""The PriceService: publish ticks, and read the newest price of stocks and their bars."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from ticker.v1 import price_service_pb2, tick_pb2

from ticker_server.api import requests
from ticker_server.api.bar_requests import parse_list_bars
from ticker_server.api.bars import BarLister, BarSource
from ticker_server.api.caller import Caller
from ticker_server.api.pages import Page
from ticker_server.clock import Clock
from ticker_server.errors import NotBuilt, StockNotFound
from ticker_server.fanout.encoding import stock_update
from ticker_server.feed.log import Outcome, PriceLog
from ticker_server.model.stock import Stock
from ticker_server.model.tick import AcceptedTick, Tick

__all__ = ["PriceServicer"]

_OUTCOMES = {
    Outcome.ACCEPTED: price_service_pb2.PUBLISH_OUTCOME_ACCEPTED,
    Outcome.DUPLICATE: price_service_pb2.PUBLISH_OUTCOME_DUPLICATE,
    Outcome.UNKNOWN: price_service_pb2.PUBLISH_OUTCOME_UNKNOWN,
}


@dataclass(slots=True)
class _Prices:
    """An answer in the making."""

    prices: list[tick_pb2.StockUpdate] = field(default_factory=list)
    unpriced: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)


class PriceServicer:
    """Answers the RPCs of PriceService from the price log, from memory, and from stored bars.

    `find_stock` returns a stock or None, `stocks_after(after, limit)` the stocks with ids above one, ordered by id, and
    `newest` the tick with the highest sequence of a stock id. Without `bars` ListBars is not served.
    """

    def __init__(
        self,
        *,
        log: PriceLog,
        find_stock: Callable[[str], Awaitable[Stock | None]],
        newest: Callable[[str], AcceptedTick | None],
        stocks_after: Callable[[str, int], Sequence[Stock]],
        clock: Clock,
        bars: BarSource | None = None,
    ) -> None:
        self._log = log
        self._find_stock = find_stock
        self._newest = newest
        self._stocks_after = stocks_after
        self._clock = clock
        self._bars = None if bars is None else BarLister(bars, log.epoch)

    async def publish_prices(
        self, request: price_service_pb2.PublishPricesRequest, _caller: Caller
    ) -> price_service_pb2.PublishPricesResponse:
        """Append ticks to the price log; one bad tick, and nothing is published."""
        ticks = requests.parse_ticks(request, self._clock.wall())
        await self._check_stocks(ticks)
        published = await self._log.publish(ticks)
        results = [
            price_service_pb2.PublishResult(outcome=_OUTCOMES[each.outcome], sequence=each.sequence)
            for each in published
        ]
        return price_service_pb2.PublishPricesResponse(results=results, log_epoch=self._log.epoch)

    async def get_latest_prices(
        self, request: price_service_pb2.GetLatestPricesRequest, _caller: Caller
    ) -> price_service_pb2.GetLatestPricesResponse:
        """Return the newest price of the named stocks, or of a page of all stocks."""
        wanted = requests.parse_latest_prices(request)
        if isinstance(wanted, Page):
            return self._page_of_prices(wanted)
        answer = _Prices()
        for stock_id in wanted:
            stock = await self._find_stock(stock_id)
            if stock is None:
                answer.unknown.append(stock_id)
            else:
                self._add_price(answer, stock)
        return self._latest(answer)

    async def list_bars(
        self, request: price_service_pb2.ListBarsRequest, _caller: Caller
    ) -> price_service_pb2.ListBarsResponse:
        """Return bars of a stock, of the length that the request asks for."""
        wish = parse_list_bars(request)
        if self._bars is None:
            raise NotBuilt("ListBars")
        stock = await self._find_stock(wish.stock_id)
        if stock is None:
            raise StockNotFound(wish.stock_id)
        return await self._bars.list_bars(stock, wish)

    async def _check_stocks(self, ticks: Sequence[Tick]) -> None:
        known: set[str] = set()
        for index, tick in enumerate(ticks):
            if tick.stock_id in known:
                continue
            if await self._find_stock(tick.stock_id) is None:
                raise StockNotFound(tick.stock_id, field=f"ticks[{index}].stock_id")
            known.add(tick.stock_id)

    def _page_of_prices(self, page: Page) -> price_service_pb2.GetLatestPricesResponse:
        answer = _Prices()
        stocks, next_page_token = page.cut(self._stocks_after(page.after, page.limit + 1), lambda stock: stock.stock_id)
        for stock in stocks:
            self._add_price(answer, stock)
        return self._latest(answer, next_page_token)

    def _add_price(self, answer: _Prices, stock: Stock) -> None:
        newest = self._newest(stock.stock_id)
        # What was published before the stock was deleted and created again belongs to its former life.
        if newest is None or stock.hides(newest.sequence, self._log.epoch):
            answer.unpriced.append(stock.stock_id)
        else:
            answer.prices.append(stock_update(newest))

    def _latest(self, answer: _Prices, next_page_token: str = "") -> price_service_pb2.GetLatestPricesResponse:
        return price_service_pb2.GetLatestPricesResponse(
            prices=answer.prices,
            unpriced_stock_ids=answer.unpriced,
            unknown_stock_ids=answer.unknown,
            log_epoch=self._log.epoch,
            next_page_token=next_page_token,
        )
