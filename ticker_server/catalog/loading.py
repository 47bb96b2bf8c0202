"""Loading the subscriptions of many users at once: ten thousand watches that come back need twenty queries."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, field

from ticker_server.catalog.database import Database
from ticker_server.catalog.subscription_table import SubscriptionTable
from ticker_server.errors import DatabaseUnavailable, UserNotFound
from ticker_server.model.subscription import Subscription

__all__ = ["SubscriptionLoader"]

_BATCH = 500
"""Users per query. What comes back is made into objects in one go, which keeps the loop for some 10 ms."""
_IN_FLIGHT = 2
"""How many queries run at once. With one, all would wait for one that hangs; the others are for the pool's others."""


@dataclass(slots=True)
class _Wanted:
    """A user whose subscriptions are asked for; the answer is None where the user does not exist."""

    answer: asyncio.Future[list[Subscription] | None] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )
    callers: int = 0


class SubscriptionLoader:
    """Reads subscriptions, those of up to 500 users in one query.

    A caller is served by a query that begins after its call, so it sees what was committed before. Who calls while
    queries are under way is served by the next one, together with all that called meanwhile.
    """

    def __init__(self, database: Database, *, batch: int = _BATCH, in_flight: int = _IN_FLIGHT) -> None:
        self._database = database
        self._batch = batch
        self._in_flight = in_flight
        self._waiting: dict[str, _Wanted] = {}
        self._rounds = 0

    async def load(self, user_id: str) -> list[Subscription]:
        """Return all subscriptions of a user, in the order of the stock ids.

        Raises:
            UserNotFound: The user does not exist.
            DatabaseUnavailable: The database did not answer.
        """
        wanted = self._waiting.setdefault(user_id, _Wanted())
        wanted.callers += 1
        self._begin_round()
        try:
            await asyncio.wait([wanted.answer], timeout=self._database.answer_seconds)
            if not wanted.answer.done():
                raise DatabaseUnavailable("the database did not answer in time; the call is safe to repeat")
            found = wanted.answer.result()
        finally:
            wanted.callers -= 1
            if wanted.callers == 0 and self._waiting.get(user_id) is wanted:
                del self._waiting[user_id]
        if found is None:
            raise UserNotFound(user_id)
        return list(found)

    async def load_many(self, user_ids: Collection[str]) -> dict[str, list[Subscription]]:
        """Return all subscriptions of each of the users that exist, in the order of the stock ids.

        Raises:
            DatabaseUnavailable: The database did not answer.
        """
        ids = sorted(set(user_ids))
        found: dict[str, list[Subscription]] = {}
        for first in range(0, len(ids), self._batch):
            found |= await self._query(ids[first : first + self._batch])
        return found

    def _begin_round(self) -> None:
        if self._rounds < self._in_flight:
            self._rounds += 1
            self._database.begin(self._serve())

    async def _serve(self) -> None:
        """Serve those who wait until nobody does."""
        try:
            while self._waiting:
                batch = {user_id: self._waiting.pop(user_id) for user_id in list(self._waiting)[: self._batch]}
                await self._serve_batch(batch)
        finally:
            self._rounds -= 1

    async def _serve_batch(self, batch: dict[str, _Wanted]) -> None:
        try:
            found = await self._query(list(batch))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told to those who asked
            for wanted in batch.values():
                if wanted.callers:  # an error that nobody fetches would be reported
                    wanted.answer.set_exception(error)
        else:
            for user_id, wanted in batch.items():
                wanted.answer.set_result(found.get(user_id))

    async def _query(self, user_ids: Collection[str]) -> dict[str, list[Subscription]]:
        return await self._database.complete(self._read(user_ids))

    async def _read(self, user_ids: Collection[str]) -> dict[str, list[Subscription]]:
        async with self._database.reading() as connection:
            return await SubscriptionTable(connection).list_of_users(user_ids)
