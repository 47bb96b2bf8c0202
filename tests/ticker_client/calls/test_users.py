"""Calls of the UserService."""

from __future__ import annotations

from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp
from ticker.v1 import user_service_pb2 as wire

from tests.ticker_client.scripted_server import ScriptedServer
from ticker_client import TickerClient, User


async def test_create_and_get_return_the_user(server: ScriptedServer, ticker: TickerClient) -> None:
    """Creating and getting return the user."""
    answer = wire.User(user_id="bob", create_time=Timestamp(seconds=86_400))
    server.answers["CreateUser"] = server.answers["GetUser"] = lambda _: answer
    users = [await ticker.create_user("bob"), await ticker.get_user("bob")]

    assert users == [User("bob", datetime(1970, 1, 2, tzinfo=UTC))] * 2
    assert server.requests == [wire.CreateUserRequest(user_id="bob"), wire.GetUserRequest(user_id="bob")]


async def test_deleting_tells_how_many_subscriptions_ended(server: ScriptedServer, ticker: TickerClient) -> None:
    """Deleting, without a name the client's own user, returns the number of subscriptions that ended."""
    server.answers["DeleteUser"] = lambda _: wire.DeleteUserResponse(ended_subscriptions=3)

    assert await ticker.delete_user() == 3
    assert server.requests == [wire.DeleteUserRequest(user_id="ana")]
