"""The SDK for programs without an event loop, against a server in another thread's loop."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable

import grpc
import pytest
from ticker.v1 import price_service_pb2 as prices
from ticker.v1 import stock_service_pb2 as stocks

import ticker_client
from tests.ticker_client.breaking_watch import at, play, resumes, told
from tests.ticker_client.messages import (
    REPLAY,
    SNAPSHOT,
    caught_up,
    go_away,
    heartbeat,
    opened,
    stock_update,
    updates,
    watched,
)
from tests.ticker_client.scripted_server import Refuse, ScriptedServer
from ticker_client import (
    CaughtUp,
    ClientMisused,
    Disconnected,
    Event,
    GoAway,
    Heartbeat,
    NotFound,
    Opened,
    Position,
    PublishOutcome,
    Reconnected,
    Resume,
    Tick,
    sync,
)

EACH = watched("AAPL", every_tick=True)


async def run(program: Callable[[sync.TickerClient], object], server: ScriptedServer) -> object:
    """Run a program that knows nothing of event loops, in a thread of its own."""

    def with_client() -> object:
        with sync.TickerClient(server.target, user_id="ana") as ticker:
            return program(ticker)

    return await asyncio.to_thread(with_client)


@pytest.mark.parametrize("name", ["TickerClient", "Watch", "Publisher"])
def test_it_has_the_same_names(name: str) -> None:
    """Each public method of the asyncio SDK is there, with the same parameters."""
    theirs, ours = getattr(ticker_client, name), getattr(sync, name)
    public = {word for word in dir(theirs) if not word.startswith("_")}

    assert {word for word in dir(ours) if not word.startswith("_")} == public
    for word in public:
        if callable(getattr(theirs, word)):
            assert list(inspect.signature(getattr(ours, word)).parameters) == list(
                inspect.signature(getattr(theirs, word)).parameters
            )
    if name == "TickerClient":
        assert inspect.signature(ours).parameters == inspect.signature(theirs).parameters


async def test_calls_wait_for_their_answer(server: ScriptedServer) -> None:
    """A call returns its answer, a list its items, and an error is the typed one."""

    def refuse(_: object) -> stocks.Stock:
        raise Refuse(grpc.StatusCode.NOT_FOUND, "STOCK_NOT_FOUND", "no such stock")

    def page(request: stocks.ListStocksRequest) -> stocks.ListStocksResponse:
        number = int(request.page_token or 1)
        token = str(number + 1) if number < 3 else ""
        return stocks.ListStocksResponse(stocks=[stocks.Stock(stock_id=f"S{number}")], next_page_token=token)

    def program(ticker: sync.TickerClient) -> list[str]:
        with pytest.raises(NotFound, match="no such stock"):
            ticker.get_stock("AAPL")
        return [stock.stock_id for stock in ticker.list_stocks()]

    server.answers |= {"GetStock": refuse, "ListStocks": page}

    assert await run(program, server) == ["S1", "S2", "S3"]


async def test_prices_are_published(server: ScriptedServer) -> None:
    """The client and a publisher of an id publish, and say what became of each tick."""

    def accept(request: prices.PublishPricesRequest) -> prices.PublishPricesResponse:
        return prices.PublishPricesResponse(
            results=[prices.PublishResult(outcome=prices.PUBLISH_OUTCOME_ACCEPTED) for _ in request.ticks]
        )

    def program(ticker: sync.TickerClient) -> object:
        publisher = ticker.publisher("feed")
        results = ticker.publish([Tick("AAPL", "1")]) + publisher.publish([Tick("AAPL", "2")])
        return [result.outcome for result in results], publisher.publisher_id, publisher.unconfirmed

    server.answers["PublishPrices"] = accept

    assert await run(program, server) == ([PublishOutcome.ACCEPTED] * 2, "feed", ())


async def test_a_watch_comes_back_and_says_where_it_stands(server: ScriptedServer) -> None:
    """A watch yields the events of several streams in a `for`, and its position goes on to another watch."""

    def program(ticker: sync.TickerClient) -> list[Event]:
        events: list[Event] = []
        resume = Resume("e-1", (Position("AAPL", 60, 6),))
        with ticker.watch("AAPL", every_tick=True, resume=resume) as watch:
            watch.ready()
            assert [stock.stock_id for stock in watch.opened.stocks] == ["AAPL"]
            for event in watch:
                events.append(event)
                if isinstance(event, Reconnected):
                    break
            assert watch.resume == Resume("e-1", (Position("AAPL", 80, 8),))
            assert watch.statistics().reconnects == 1
        return events

    lost = Refuse(grpc.StatusCode.UNAVAILABLE, "", "Socket closed")
    play(
        server,
        [opened(EACH), updates(stock_update("AAPL", 7), kind=REPLAY), caught_up(1), lost],
        [opened(EACH), updates(stock_update("AAPL", 8), kind=REPLAY), caught_up(1), None],
    )
    events = await run(program, server)

    assert isinstance(events, list)
    assert told(events) == [("AAPL", 7, 0), CaughtUp, Disconnected, ("AAPL", 8, 0), CaughtUp, Reconnected]
    assert resumes(server) == [at(("AAPL", 6)), at(("AAPL", 7))]


async def test_all_events_are_there_too(server: ScriptedServer) -> None:
    """`all_events()` has Opened and Heartbeat as well, and a watch that has ended ends the loop."""

    def program(ticker: sync.TickerClient) -> list[Event]:
        with ticker.watch("AAPL", every_tick=True, reconnect=False) as watch:
            events = list(watch.all_events())
            assert list(watch) == []
            return events

    play(server, [opened(EACH), updates(stock_update("AAPL", 7), kind=SNAPSHOT), heartbeat(), go_away()])
    events = await run(program, server)

    assert isinstance(events, list)
    assert told(events) == [Opened, ("AAPL", 7, 0), Heartbeat, GoAway]


def test_a_client_is_used_inside_with() -> None:
    """A call of a client that was not entered raises ClientMisused, and does not wait."""
    with pytest.raises(ClientMisused):
        sync.TickerClient("localhost:50051").get_stock("AAPL")
