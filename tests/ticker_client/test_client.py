"""The client as a whole: what a program sees of it."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from ticker.v1 import watch_service_pb2 as wire
from ticker.v1.watch_service_pb2 import WatchStocksRequest

from tests.ticker_client.each_client import Connect
from tests.ticker_client.messages import duration, go_away, opened
from tests.ticker_client.scripted_server import ScriptedServer, Send
from ticker_client import ClientMisused, InvalidArgument, LagPolicy, TickerClient


async def requested(
    server: ScriptedServer, ticker: TickerClient, *stock_ids: str, **words: object
) -> WatchStocksRequest:
    """Return the request that a watch sends."""

    async def script(request: WatchStocksRequest, send: Send) -> None:
        await send(opened())
        await send(go_away())

    server.script = script
    async with ticker.watch(*stock_ids, **words, reconnect=False) as watch:  # type: ignore[arg-type]
        _ = [event async for event in watch]
    request: WatchStocksRequest = server.requests[-1]
    return request


async def test_a_watch_of_stocks_asks_for_them(server: ScriptedServer, ticker: TickerClient) -> None:
    """A watch of stocks names them and its words, and leaves out what was not given."""
    plain = await requested(server, ticker, "AAPL", "MSFT")
    full = await requested(
        server, ticker, "*", every_tick=True, lag_policy=LagPolicy.DISCONNECT, heartbeat=timedelta(seconds=2)
    )
    paced = await requested(server, ticker, "AAPL", frequency=timedelta(milliseconds=250))
    past = await requested(server, ticker, "AAPL", every_tick=True, start_time=datetime(1970, 1, 2, tzinfo=UTC))

    assert plain == WatchStocksRequest(stock_ids=["AAPL", "MSFT"])
    assert full == WatchStocksRequest(
        stock_ids=["*"],
        every_tick=True,
        lag_policy=wire.LAG_POLICY_DISCONNECT,
        heartbeat_interval=duration(timedelta(seconds=2)),
    )
    assert paced == WatchStocksRequest(stock_ids=["AAPL"], frequency=duration(timedelta(milliseconds=250)))
    assert past == WatchStocksRequest(stock_ids=["AAPL"], every_tick=True, start_time=Timestamp(seconds=86_400))


async def test_a_watch_without_stocks_is_that_of_the_own_user(server: ScriptedServer, ticker: TickerClient) -> None:
    """A watch without stocks asks for the saved stocks of the client's user."""
    assert await requested(server, ticker) == WatchStocksRequest(user_ids=["ana"])


async def test_a_token_says_who_the_user_is(server: ScriptedServer, connect: Connect) -> None:
    """A client with a token and no user leaves it to the server who is meant."""
    async with connect(server.target, token="secret") as ticker:
        assert await requested(server, ticker) == WatchStocksRequest()


async def test_without_a_user_a_watch_of_saved_stocks_is_refused(server: ScriptedServer, connect: Connect) -> None:
    """A watch without stocks of a client without a user is an InvalidArgument that says what to do."""
    async with connect(server.target) as ticker:
        with pytest.raises(InvalidArgument, match="no user: give user_id"):
            ticker.watch()


async def test_two_cadences_are_refused(ticker: TickerClient) -> None:
    """Every tick and a frequency together are an InvalidArgument."""
    with pytest.raises(InvalidArgument, match="INVALID_CADENCE"):
        ticker.watch("AAPL", every_tick=True, frequency=timedelta(seconds=1))


async def test_a_replay_that_makes_no_sense_is_refused(server: ScriptedServer, ticker: TickerClient) -> None:
    """What the server would refuse of a replay is refused before anything is sent."""
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    for words in ({"start_time": moment}, {"every_tick": True, "end_time": moment}):
        with pytest.raises(InvalidArgument, match="INVALID_WATCH"):
            ticker.watch("AAPL", **words)  # type: ignore[arg-type]
    with pytest.raises(InvalidArgument, match="a start_time needs stock ids"):
        ticker.watch(start_time=moment)
    with pytest.raises(ValueError, match="no time zone"):
        ticker.watch("AAPL", every_tick=True, start_time=moment.replace(tzinfo=None))

    assert server.requests == []


async def test_a_client_is_used_inside_async_with(connect: Connect) -> None:
    """A call of a client that was not entered raises ClientMisused."""
    with pytest.raises(ClientMisused, match="use it inside `"):
        await connect("localhost:50051").get_stock("AAPL")


async def test_entering_does_not_connect(connect: Connect) -> None:
    """Entering and leaving a client takes no server."""
    async with connect("localhost:1") as ticker:
        assert ticker.user_id is None


def test_importing_does_nothing() -> None:
    """Importing the package opens no channel, starts no thread and no event loop, and does not load the server."""
    code = (
        "import sys, threading, ticker_client, asyncio\n"
        "assert threading.active_count() == 1, threading.enumerate()\n"
        "assert asyncio._get_running_loop() is None\n"
        "assert not [name for name in sys.modules if name.startswith('ticker_server')]\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_the_package_is_typed() -> None:
    """The package carries the marker by which type checkers know that it is typed."""
    from importlib.resources import files  # noqa: PLC0415 - needed here alone

    assert files("ticker_client").joinpath("py.typed").is_file()
