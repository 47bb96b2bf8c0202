"""Calls of the UserService."""

from __future__ import annotations

from ticker.v1 import user_service_pb2 as wire

from ticker_client.calls.caller import Caller
from ticker_client.instants import datetime_of, nanoseconds_of
from ticker_client.models import User

__all__ = ["UserCalls"]


class UserCalls(Caller):
    """Create, read and delete users; without a user id the client's own is meant."""

    async def create_user(self, user_id: str | None = None) -> User:
        """Create a user; if it exists, return it. Raises InvalidArgument."""
        request = wire.CreateUserRequest(user_id=self._user(user_id))
        return _user_of(await self._connection.ask(lambda stubs: stubs.users.CreateUser, request))

    async def get_user(self, user_id: str | None = None) -> User:
        """Return a user. Raises NotFound."""
        request = wire.GetUserRequest(user_id=self._user(user_id))
        return _user_of(await self._connection.ask(lambda stubs: stubs.users.GetUser, request))

    async def delete_user(self, user_id: str | None = None) -> int:
        """Delete a user and all its subscriptions; return how many these were. Raises NotFound."""
        request = wire.DeleteUserRequest(user_id=self._user(user_id))
        answer = await self._connection.ask(lambda stubs: stubs.users.DeleteUser, request)
        return answer.ended_subscriptions


def _user_of(message: wire.User) -> User:
    return User(message.user_id, datetime_of(nanoseconds_of(message.create_time)))
