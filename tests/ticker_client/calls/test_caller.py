"""What all calls share: the user that is meant, and pages."""

from __future__ import annotations

import pytest
from ticker.v1 import stock_service_pb2 as stocks
from ticker.v1 import user_service_pb2 as users

from tests.ticker_client.each_client import Connect
from tests.ticker_client.scripted_server import ScriptedServer
from ticker_client import InvalidArgument, TickerClient
from ticker_client.calls.caller import paged


async def test_the_own_user_is_meant_unless_another_is_named(server: ScriptedServer, ticker: TickerClient) -> None:
    """A call without a user id is about the client's own user."""
    await ticker.get_user()
    await ticker.get_user("bob")

    assert server.requests == [users.GetUserRequest(user_id="ana"), users.GetUserRequest(user_id="bob")]


async def test_a_client_without_a_user_must_name_one(server: ScriptedServer, connect: Connect) -> None:
    """Without a user of its own and without a token, a call that names none raises InvalidArgument before it is sent."""
    async with connect(server.target) as ticker:
        with pytest.raises(InvalidArgument) as caught:
            await ticker.get_user()

    assert caught.value.reason == "INVALID_USER_ID"
    assert server.requests == []


async def test_with_a_token_the_server_knows_the_user(server: ScriptedServer, connect: Connect) -> None:
    """With a token, a call that names no user leaves it empty."""
    async with connect(server.target, token="secret") as ticker:
        await ticker.get_user()

    assert server.requests == [users.GetUserRequest()]


async def test_pages_are_asked_for_when_they_are_needed() -> None:
    """The next page is asked for with the token of the one before, and not before it is needed."""
    pages = {"": (["A", "B"], "t1"), "t1": ([], "t2"), "t2": (["C"], "")}
    asked: list[str] = []

    async def ask(token: str) -> stocks.ListStocksResponse:
        asked.append(token)
        names, following = pages[token]
        return stocks.ListStocksResponse(
            stocks=[stocks.Stock(stock_id=name) for name in names], next_page_token=following
        )

    names = paged(ask, lambda page: (stock.stock_id for stock in page.stocks))
    first = await anext(names)
    asked_for_first = list(asked)
    rest = [name async for name in names]

    assert (first, asked_for_first) == ("A", [""])
    assert (rest, asked) == (["B", "C"], ["", "t1", "t2"])
