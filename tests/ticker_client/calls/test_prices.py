"""Calls of the PriceService."""

from __future__ import annotations

import gc

import grpc
import pytest
from ticker.v1 import price_service_pb2 as wire

from tests.ticker_client.messages import stock_update
from tests.ticker_client.scripted_server import Refuse, ScriptedServer
from ticker_client import InvalidArgument, LatestPrices, PublishOutcome, PublishResult, StockPrice, Tick, TickerClient

ACCEPTED = wire.PublishResult(outcome=wire.PUBLISH_OUTCOME_ACCEPTED, sequence=4)


async def test_latest_goes_through_all_pages(server: ScriptedServer, ticker: TickerClient) -> None:
    """The newest prices of all pages are one answer, with what has no price and what is no stock."""
    pages = {
        "": wire.GetLatestPricesResponse(prices=[stock_update("AAPL", 1)], log_epoch="e", next_page_token="t"),
        "t": wire.GetLatestPricesResponse(
            prices=[stock_update("MSFT", 2)], unpriced_stock_ids=["IBM"], unknown_stock_ids=["X"], log_epoch="e"
        ),
    }
    server.answers["GetLatestPrices"] = lambda request: pages[request.page_token]
    latest = await ticker.latest("AAPL", "MSFT", "IBM", "X")

    prices = (StockPrice(stock_update("AAPL", 1)), StockPrice(stock_update("MSFT", 2)))
    assert latest == LatestPrices(prices, ("IBM",), ("X",), "e")
    assert [list(request.stock_ids) for request in server.requests] == [["AAPL", "MSFT", "IBM", "X"]] * 2


async def test_publishing_uses_one_random_id(server: ScriptedServer, ticker: TickerClient) -> None:
    """A client publishes under one id of its own, with sequences that grow."""
    server.answers["PublishPrices"] = lambda request: wire.PublishPricesResponse(
        results=[ACCEPTED] * len(request.ticks)
    )
    results = await ticker.publish([Tick("AAPL", "1.5")])
    await ticker.publish([Tick("AAPL", "1.6")])

    first, second = (request.ticks[0] for request in server.requests)
    assert results == [PublishResult(PublishOutcome.ACCEPTED, 4)]
    assert first.publisher_id == second.publisher_id != ""
    assert second.publisher_sequence == first.publisher_sequence + 1 > 10**18


async def test_what_was_not_confirmed_can_be_published_as_it_was(server: ScriptedServer, ticker: TickerClient) -> None:
    """After an error a publisher has the ticks with the sequences that they had, and takes them again."""
    answers = [
        Refuse(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_PRICE", "no price"),
        wire.PublishPricesResponse(results=[wire.PublishResult(outcome=wire.PUBLISH_OUTCOME_UNKNOWN), ACCEPTED]),
        wire.PublishPricesResponse(results=[ACCEPTED]),
    ]

    def answer(_: object) -> wire.PublishPricesResponse:
        step = answers.pop(0)
        if isinstance(step, Refuse):
            raise step
        return step

    server.answers["PublishPrices"] = answer
    publisher = ticker.publisher("feed")
    with pytest.raises(InvalidArgument, match="no price"):
        await publisher.publish([Tick("AAPL", "1"), Tick("MSFT", "2")])
    kept = publisher.unconfirmed
    results = await publisher.publish(kept)

    sent = [[(tick.stock_id, tick.publisher_sequence) for tick in request.ticks] for request in server.requests]
    assert [(tick.stock_id, tick.publisher_sequence) for tick in kept] == sent[0]
    assert sent == [sent[0], sent[0], sent[0][:1]]
    assert [result.outcome for result in results] == [PublishOutcome.ACCEPTED] * 2
    assert publisher.unconfirmed == ()


async def test_a_publisher_of_an_id_is_one_object(asyncio_ticker: TickerClient) -> None:
    """The same id gives the same publisher, because two of them could overtake each other; no id gives a new one."""
    publisher = asyncio_ticker.publisher("feed-1")

    assert asyncio_ticker.publisher("feed-1") is publisher
    assert asyncio_ticker.publisher("feed-2") is not publisher
    assert asyncio_ticker.publisher() is not asyncio_ticker.publisher()
    assert publisher.publisher_id == "feed-1"


async def test_publishers_that_nobody_uses_are_forgotten(asyncio_ticker: TickerClient) -> None:
    """A client keeps no publisher that the program has let go of."""
    asyncio_ticker.publisher("feed-1")
    gc.collect()

    assert len(asyncio_ticker._publishers) == 0
