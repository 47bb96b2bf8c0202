"""The SDK for programs without an event loop, as such a program uses it.

What it does is tested together with the SDK for asyncio: see `each_client`.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

import ticker_client
from tests.ticker_client.breaking_watch import at, play, resumes, told
from tests.ticker_client.messages import (
    REPLAY,
    caught_up,
    go_away,
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
    Position,
    Reconnected,
    Resume,
    Update,
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


async def test_threads_share_the_events_of_a_watch(server: ScriptedServer) -> None:
    """Several threads may take the events of one watch: each event goes to one of them, and all of them see the end."""

    def program(ticker: sync.TickerClient) -> list[int]:
        with ticker.watch("AAPL", every_tick=True, reconnect=False) as watch, ThreadPoolExecutor() as threads:
            takes = [threads.submit(lambda: [event for event in watch if isinstance(event, Update)]) for _ in range(3)]
            return sorted(update.tick_number for take in takes for update in take.result())

    play(server, [opened(EACH), *(updates(stock_update("AAPL", number)) for number in range(1, 100)), go_away()])

    assert await run(program, server) == list(range(1, 100))


def test_a_client_is_used_inside_with() -> None:
    """A call of a client that was not entered raises ClientMisused, and does not wait."""
    with pytest.raises(ClientMisused):
        sync.TickerClient("localhost:50051").get_stock("AAPL")
