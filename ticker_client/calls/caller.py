"""What all calls of a client share: its connection, and its own user."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Protocol, TypeVar

from ticker_client.connection import Connection
from ticker_client.errors import InvalidArgument

__all__ = ["Caller", "paged"]

PAGE_SIZE = 1000


class _Page(Protocol):
    @property
    def next_page_token(self) -> str: ...


_SomePage = TypeVar("_SomePage", bound=_Page)
_Item = TypeVar("_Item")


class Caller:
    """Makes calls on a connection, for a user where none is named."""

    def __init__(self, connection: Connection, user_id: str | None) -> None:
        self._connection = connection
        self._user_id = user_id

    @property
    def user_id(self) -> str | None:
        """The client's own user; None = it has none."""
        return self._user_id

    def _user(self, user_id: str | None) -> str:
        """Return the user that is meant. With a token and no user, the server knows who it is."""
        chosen = self._user_id if user_id is None else user_id
        if chosen is None and not self._connection.metadata:
            raise InvalidArgument("INVALID_USER_ID", "no user: give user_id here, or to TickerClient once")
        return chosen or ""


async def paged(
    ask: Callable[[str], Awaitable[_SomePage]], items: Callable[[_SomePage], Iterable[_Item]]
) -> AsyncIterator[_Item]:
    """Yield the items of all pages, asking for a page when it is needed."""
    token = ""
    while True:
        page = await ask(token)
        for item in items(page):
            yield item
        token = page.next_page_token
        if not token:
            return
