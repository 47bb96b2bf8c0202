"""The catalog: stocks, users and subscriptions, each change in one transaction with its outbox row."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from ticker_server.catalog.addition import AddedStock, add_stocks
from ticker_server.catalog.creation import create_stock
from ticker_server.catalog.database import Database
from ticker_server.catalog.deletion import delete_stock, delete_user
from ticker_server.catalog.loading import SubscriptionLoader
from ticker_server.catalog.outbox_table import NO_REVISION
from ticker_server.catalog.repository import Repository
from ticker_server.clock import Clock
from ticker_server.errors import StockNotFound, UserNotFound
from ticker_server.model.change import Change, StockRenamed, SubscriptionRemoved
from ticker_server.model.stock import Stock, User
from ticker_server.model.subscription import Subscription, Wish

__all__ = ["Catalog", "RemovedStocks"]

_DEFAULT_CURRENCY = "USD"

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class RemovedStocks:
    """What RemoveStocks did, each stock once and in the order asked for."""

    removed: tuple[str, ...]
    not_subscribed: tuple[str, ...]


class Catalog:
    """Reads and changes the catalog. What is asked of it is valid already; it raises errors of the server's own tree.

    A change is durable when its method returns. One that has begun is carried through even if its caller is
    cancelled. Every method raises DatabaseUnavailable while the database is away.

    `newest_sequence` tells the newest known sequence of a stock (0 for none) in the epoch that `log_epoch` tells, which
    is empty while it is not known. `on_commit` is called with the changes of a transaction right after its commit and
    before its caller goes on; those of transactions that run at once come in any order. It must not raise.
    """

    def __init__(
        self,
        database: Database,
        *,
        clock: Clock,
        newest_sequence: Callable[[str], int],
        log_epoch: Callable[[], str],
        on_commit: Callable[[Sequence[Change]], None],
        max_subscriptions_per_user: int = 100,
    ) -> None:
        self._database = database
        self._clock = clock
        self._newest_sequence = newest_sequence
        self._log_epoch = log_epoch
        self._on_commit = on_commit
        self._max_subscriptions = max_subscriptions_per_user
        self._loader = SubscriptionLoader(database)

    async def create_stock(self, stock_id: str, *, name: str | None, currency: str | None) -> Stock:
        """Create a stock, or return it where it exists with the same content.

        What is None is not compared; a new stock gets its id as name and USD. A deleted stock is created again with
        the currency it had, and without a price until its next tick.

        Raises:
            StockAlreadyExists: It exists with another name or currency.
        """
        wanted = Stock(stock_id, name or stock_id, currency or _DEFAULT_CURRENCY, self._clock.wall())
        compared = frozenset(field for field, value in (("name", name), ("currency", currency)) if value is not None)
        return await self._write(
            lambda repository: create_stock(
                repository,
                wanted,
                compared=compared,
                newest_sequence=self._newest_sequence(stock_id),
                log_epoch=self._log_epoch(),
            )
        )

    async def get_stock(self, stock_id: str) -> Stock:
        """Return a stock. Raises StockNotFound."""
        stock = await self._read(lambda repository: repository.stocks.find(stock_id))
        if stock is None:
            raise StockNotFound(stock_id)
        return stock

    async def list_stocks(self, *, after: str = "", limit: int | None = None) -> list[Stock]:
        """Return the stocks above an id, in the order of their ids; all of them without a limit."""
        return await self._read(lambda repository: repository.stocks.list_after(after, limit))

    async def update_stock(self, stock_id: str, *, name: str) -> Stock:
        """Give a stock another name. Raises StockNotFound."""

        async def rename(repository: Repository) -> Stock:
            stock = await _listed(repository, stock_id)
            if stock.name != name:
                stock = replace(stock, name=name)
                await repository.stocks.replace(stock)
                await repository.outbox.append([StockRenamed(stock, NO_REVISION)])
            return stock

        return await self._write(rename)

    async def delete_stock(self, stock_id: str) -> int:
        """Delete a stock and its subscriptions; return how many those were. Raises StockNotFound."""
        return await self._write(lambda repository: delete_stock(repository, stock_id, now=self._clock.wall()))

    async def create_user(self, user_id: str) -> User:
        """Create a user, or return the one that exists."""

        async def create(repository: Repository) -> User:
            while (user := await repository.users.find(user_id)) is None:
                await repository.users.insert_missing([user_id], self._clock.wall())
            return user

        return await self._write(create)

    async def get_user(self, user_id: str) -> User:
        """Return a user. Raises UserNotFound."""
        return await self._read(lambda repository: _existing(repository, user_id))

    async def delete_user(self, user_id: str) -> int:
        """Delete a user and its subscriptions; return how many those were. Raises UserNotFound."""
        return await self._write(lambda repository: delete_user(repository, user_id))

    async def add_stocks(
        self, wishes: Sequence[Wish], *, field: Callable[[int], str] | None = None
    ) -> list[AddedStock]:
        """Store wishes in one transaction, all or none; return one result per wish, in order.

        Missing users are created; a wish that is stored already changes nothing, its revision included; of several
        wishes for the same user and stock the last one counts. `field` gives the path of the request field that names
        the stock of a wish; by default `requests[3].stock_id` where there are several wishes, and none for a single.

        Raises:
            StockNotFound: A stock does not exist.
            LimitExceeded: A user would have more subscriptions than are allowed.
        """
        now = self._clock.wall()
        path = field or (_batch_field if len(wishes) > 1 else _no_field)
        return await self._write(
            lambda repository: add_stocks(
                repository, wishes, now=now, max_subscriptions=self._max_subscriptions, field=path
            )
        )

    async def remove_stocks(self, user_id: str, stock_ids: Sequence[str]) -> RemovedStocks:
        """End subscriptions of a user, and say which there were. Raises UserNotFound."""
        asked = list(dict.fromkeys(stock_ids))

        async def remove(repository: Repository) -> RemovedStocks:
            await _lock_user(repository, user_id)
            stored = await repository.subscriptions.find([(user_id, stock_id) for stock_id in asked])
            removed = tuple(stock_id for stock_id in asked if (user_id, stock_id) in stored)
            await repository.subscriptions.delete(user_id, removed)
            await repository.outbox.append(
                [SubscriptionRemoved(user_id, stock_id, NO_REVISION) for stock_id in removed]
            )
            return RemovedStocks(removed, tuple(stock_id for stock_id in asked if stock_id not in removed))

        return await self._write(remove)

    async def list_subscriptions(
        self, user_id: str, *, after: str = "", limit: int | None = None
    ) -> list[Subscription]:
        """Return a user's subscriptions above a stock id, in the order of the stock ids. Raises UserNotFound."""

        async def read(repository: Repository) -> list[Subscription]:
            await _existing(repository, user_id)
            return await repository.subscriptions.list_after(user_id, after, limit)

        return await self._read(read)

    async def subscriptions_of(self, user_id: str) -> list[Subscription]:
        """Return all subscriptions of a user, in the order of the stock ids. Raises UserNotFound."""
        return await self._loader.load(user_id)

    async def subscriptions_of_all(self, user_ids: Collection[str]) -> dict[str, list[Subscription]]:
        """Return all subscriptions of each of the users that exist, in the order of the stock ids."""
        return await self._loader.load_many(user_ids)

    async def _read(self, work: Callable[[Repository], Awaitable[_Result]]) -> _Result:
        async def transaction() -> _Result:
            async with self._database.reading() as connection:
                return await work(Repository(connection))

        return await self._database.complete(transaction())

    async def _write(self, work: Callable[[Repository], Awaitable[_Result]]) -> _Result:
        async def transaction() -> _Result:
            async with self._database.writing() as connection:
                repository = Repository(connection)
                result = await work(repository)
            if repository.outbox.appended:
                self._on_commit(repository.outbox.appended)
            return result

        return await self._database.complete(transaction())


async def _listed(repository: Repository, stock_id: str) -> Stock:
    stored = await repository.stocks.lock(stock_id)
    if stored is None or not stored.listed:
        raise StockNotFound(stock_id)
    return stored.stock


async def _existing(repository: Repository, user_id: str) -> User:
    user = await repository.users.find(user_id)
    if user is None:
        raise UserNotFound(user_id)
    return user


async def _lock_user(repository: Repository, user_id: str) -> None:
    if not await repository.users.lock([user_id]):
        raise UserNotFound(user_id)


def _batch_field(index: int) -> str:
    return f"requests[{index}].stock_id"


def _no_field(_index: int) -> str:
    return ""
