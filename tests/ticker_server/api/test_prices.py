"""The PriceService."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ticker.v1 import price_service_pb2, tick_pb2

from tests.support.memory_bars import MemoryBars
from ticker_server.api.caller import Caller
from ticker_server.api.prices import PriceServicer
from ticker_server.errors import InvalidArgument, NotBuilt, PriceLogUnavailable, StockNotFound
from ticker_server.feed.log import Outcome
from ticker_server.model.tick import AcceptedTick

CALLER = Caller()


@pytest.fixture
async def servicer(catalog: Any, log: Any, clock: Any) -> PriceServicer:
    """A servicer over an empty log and a catalog with the stocks A, B and C."""
    for stock_id in "ABC":
        await catalog.create_stock(stock_id, name=None, currency=None)
    return PriceServicer(
        log=log,
        find_stock=catalog.find_stock,
        newest=log.newest.get,
        stocks_after=catalog.stocks_after,
        clock=clock,
    )


def publish(*prices: tuple[str, str]) -> price_service_pb2.PublishPricesRequest:
    """Return a publish of prices."""
    return price_service_pb2.PublishPricesRequest(
        ticks=[tick_pb2.Tick(stock_id=stock_id, price=price) for stock_id, price in prices]
    )


def latest(*stock_ids: str, **fields: Any) -> price_service_pb2.GetLatestPricesRequest:
    """Return a request of latest prices."""
    return price_service_pb2.GetLatestPricesRequest(stock_ids=stock_ids, **fields)


async def test_published_ticks_are_accepted_in_order(servicer: PriceServicer, log: Any) -> None:
    """Each tick has its result, in order, and stands in the log."""
    answer = await servicer.publish_prices(publish(("B", "2.50"), ("A", "1")), CALLER)

    assert [(each.outcome, each.sequence) for each in answer.results] == [
        (price_service_pb2.PUBLISH_OUTCOME_ACCEPTED, 1),
        (price_service_pb2.PUBLISH_OUTCOME_ACCEPTED, 2),
    ]
    assert answer.log_epoch == log.epoch
    assert [(tick.stock_id, tick.price) for tick in log.ticks] == [("B", "2.50"), ("A", "1")]


@pytest.mark.parametrize(
    ("outcome", "told"),
    [
        (Outcome.DUPLICATE, price_service_pb2.PUBLISH_OUTCOME_DUPLICATE),
        (Outcome.UNKNOWN, price_service_pb2.PUBLISH_OUTCOME_UNKNOWN),
    ],
)
async def test_other_outcomes_are_told(servicer: PriceServicer, log: Any, outcome: Outcome, told: int) -> None:
    """A repeat and an unknown outcome are told as such, without a sequence."""
    log.outcome = outcome

    answer = await servicer.publish_prices(publish(("A", "1")), CALLER)

    assert [(each.outcome, each.sequence) for each in answer.results] == [(told, 0)]


async def test_unknown_stock_is_named_and_nothing_published(servicer: PriceServicer, log: Any) -> None:
    """A tick of a stock that does not exist is named by its place, and nothing is published."""
    with pytest.raises(StockNotFound, match=r"^STOCK_NOT_FOUND: ticks\[2\]\.stock_id: "):
        await servicer.publish_prices(publish(("A", "1"), ("A", "2"), ("ZZZ", "1")), CALLER)

    assert not log.ticks


async def test_bad_tick_is_named_before_unknown_stocks(servicer: PriceServicer, log: Any) -> None:
    """A tick that breaks a rule is told first, and nothing is published."""
    with pytest.raises(InvalidArgument, match=r"^INVALID_PRICE: ticks\[1\]\.price: "):
        await servicer.publish_prices(publish(("ZZZ", "1"), ("A", "NaN")), CALLER)

    assert not log.ticks


async def test_log_that_is_down_is_told(servicer: PriceServicer, log: Any) -> None:
    """A log that takes nothing is told to the caller."""
    log.down = True

    with pytest.raises(PriceLogUnavailable):
        await servicer.publish_prices(publish(("A", "1")), CALLER)


async def test_named_stocks_are_sorted_into_three_lists(servicer: PriceServicer) -> None:
    """Named stocks are priced, not priced yet, or unknown; each is told once."""
    await servicer.publish_prices(publish(("A", "1"), ("A", "2")), CALLER)

    answer = await servicer.get_latest_prices(latest("ZZZ", "B", "A", "A", "B"), CALLER)

    assert [(update.stock_id, update.price, update.sequence) for update in answer.prices] == [("A", "2", 2)]
    assert list(answer.unpriced_stock_ids) == ["B"]
    assert list(answer.unknown_stock_ids) == ["ZZZ"]
    assert answer.log_epoch == "epoch-1"


async def test_all_stocks_come_in_pages(servicer: PriceServicer) -> None:
    """Without names all stocks come, page after page, in order."""
    await servicer.publish_prices(publish(("C", "3"), ("A", "1")), CALLER)

    first = await servicer.get_latest_prices(latest(page_size=2), CALLER)
    second = await servicer.get_latest_prices(latest(page_size=2, page_token=first.next_page_token), CALLER)

    assert [update.stock_id for update in first.prices] == ["A"]
    assert list(first.unpriced_stock_ids) == ["B"]
    assert [update.stock_id for update in second.prices] == ["C"]
    assert not second.next_page_token


@pytest.mark.parametrize("named", [True, False])
async def test_price_of_a_former_life_is_hidden(servicer: PriceServicer, catalog: Any, *, named: bool) -> None:
    """A stock that was created again has no price until its next tick."""
    request = latest("A") if named else latest()
    await servicer.publish_prices(publish(("A", "1")), CALLER)
    catalog.stocks["A"] = replace(catalog.stocks["A"], hidden_through=1, hidden_epoch="epoch-1")
    before = await servicer.get_latest_prices(request, CALLER)
    await servicer.publish_prices(publish(("A", "2")), CALLER)
    after = await servicer.get_latest_prices(request, CALLER)

    assert "A" in before.unpriced_stock_ids
    assert not before.prices
    assert [update.price for update in after.prices] == ["2"]


async def test_too_many_names_are_refused(servicer: PriceServicer) -> None:
    """More than a thousand named stocks are refused."""
    with pytest.raises(InvalidArgument, match=r"^INVALID_BATCH: stock_ids: "):
        await servicer.get_latest_prices(latest(*(f"S{number}" for number in range(1001))), CALLER)


def bars_of(stock_id: str) -> price_service_pb2.ListBarsRequest:
    """Return a request for the minutes of a stock."""
    return price_service_pb2.ListBarsRequest(stock_id=stock_id, interval=price_service_pb2.BAR_INTERVAL_1M)


async def test_bars_are_judged_then_refused_by_name(servicer: PriceServicer) -> None:
    """Without stored bars a bad ListBars request is told what is bad, a good one that it is not built yet."""
    with pytest.raises(InvalidArgument, match=r"^INVALID_STOCK_ID: "):
        await servicer.list_bars(bars_of("a"), CALLER)
    with pytest.raises(NotBuilt, match=r"^NOT_IMPLEMENTED: ListBars "):
        await servicer.list_bars(bars_of("A"), CALLER)


async def test_bars_are_those_of_a_stock_that_exists(catalog: Any, log: Any, clock: Any) -> None:
    """Bars are listed of a stock that exists, whose former life is hidden; another is told not to exist."""
    bars = MemoryBars()
    bars.begin("epoch-1")
    bars.store(AcceptedTick("A", "1.50", "", 0, 0, 1, 1), AcceptedTick("A", "2.50", "", 10**11, 0, 2, 2))
    await catalog.create_stock("A", name=None, currency=None)
    servicer = PriceServicer(
        log=log,
        find_stock=catalog.find_stock,
        newest=log.newest.get,
        stocks_after=catalog.stocks_after,
        clock=clock,
        bars=bars,
    )
    answer = await servicer.list_bars(bars_of("A"), CALLER)
    catalog.stocks["A"] = replace(catalog.stocks["A"], hidden_through=1, hidden_epoch="epoch-1")
    after = await servicer.list_bars(bars_of("A"), CALLER)

    assert [bar.close for bar in answer.bars] == ["1.50", "2.50"]
    assert [bar.close for bar in after.bars] == ["2.50"]
    with pytest.raises(StockNotFound, match=r'^STOCK_NOT_FOUND: stock "ZZZ" does not exist'):
        await servicer.list_bars(bars_of("ZZZ"), CALLER)
