"""The UserService."""

from __future__ import annotations

from typing import Any

import pytest
from ticker.v1 import user_service_pb2

from ticker_server.api.caller import Caller
from ticker_server.api.users import UserServicer
from ticker_server.errors import InvalidArgument, UserNotFound

CALLER = Caller()


@pytest.fixture
def servicer(catalog: Any) -> UserServicer:
    """A servicer over an empty catalog."""
    return UserServicer(catalog)


async def test_created_user_is_found(servicer: UserServicer, clock: Any) -> None:
    """A created user is found afterwards, with the time of its creation."""
    created = await servicer.create_user(user_service_pb2.CreateUserRequest(user_id="ana"), CALLER)

    assert created.create_time.ToNanoseconds() == clock.now
    assert await servicer.get_user(user_service_pb2.GetUserRequest(user_id="ana"), CALLER) == created


async def test_deleted_user_is_gone(servicer: UserServicer) -> None:
    """DeleteUser says how many subscriptions ended, and the user is gone."""
    await servicer.create_user(user_service_pb2.CreateUserRequest(user_id="ana"), CALLER)

    deleted = await servicer.delete_user(user_service_pb2.DeleteUserRequest(user_id="ana"), CALLER)

    assert deleted.ended_subscriptions == 0
    with pytest.raises(UserNotFound):
        await servicer.get_user(user_service_pb2.GetUserRequest(user_id="ana"), CALLER)


@pytest.mark.parametrize("user_id", ["", "@", "a" * 65])
@pytest.mark.parametrize(
    ("method", "request_type"),
    [
        ("create_user", user_service_pb2.CreateUserRequest),
        ("get_user", user_service_pb2.GetUserRequest),
        ("delete_user", user_service_pb2.DeleteUserRequest),
    ],
)
async def test_bad_id_is_refused(servicer: UserServicer, method: str, request_type: type[Any], user_id: str) -> None:
    """Every method refuses what cannot be a user, the empty id too: nothing else says who is meant."""
    with pytest.raises(InvalidArgument, match=r"^INVALID_USER_ID: "):
        await getattr(servicer, method)(request_type(user_id=user_id), CALLER)
