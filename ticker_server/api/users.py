"""The UserService: create, read and delete users."""

from __future__ import annotations

from ticker.v1 import user_service_pb2

from ticker_server.api import requests
from ticker_server.api.caller import Caller
from ticker_server.api.messages import user_message
from ticker_server.catalog import Catalog

__all__ = ["UserServicer"]


class UserServicer:
    """Answers the RPCs of UserService from the catalog."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    async def create_user(self, request: user_service_pb2.CreateUserRequest, _caller: Caller) -> user_service_pb2.User:
        """Create a user, or return the one that exists."""
        requests.check_user(request.user_id)
        return user_message(await self._catalog.create_user(request.user_id))

    async def get_user(self, request: user_service_pb2.GetUserRequest, _caller: Caller) -> user_service_pb2.User:
        """Return a user."""
        requests.check_user(request.user_id)
        return user_message(await self._catalog.get_user(request.user_id))

    async def delete_user(
        self, request: user_service_pb2.DeleteUserRequest, _caller: Caller
    ) -> user_service_pb2.DeleteUserResponse:
        """Delete a user and all its subscriptions."""
        requests.check_user(request.user_id)
        ended = await self._catalog.delete_user(request.user_id)
        return user_service_pb2.DeleteUserResponse(ended_subscriptions=ended)
