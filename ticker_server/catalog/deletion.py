"""What DeleteStock and DeleteUser do."""

from __future__ import annotations

from ticker_server.catalog.outbox_table import NO_REVISION
from ticker_server.catalog.repository import Repository
from ticker_server.errors import StockNotFound, UserNotFound
from ticker_server.model.change import StockDeleted, UserDeleted

__all__ = ["delete_stock", "delete_user"]


async def delete_stock(repository: Repository, stock_id: str, *, now: int) -> int:
    """Delete a stock and end its subscriptions; return how many those were.

    For every reader they end in this transaction, because they are older than the stock's deletion. Their rows are
    removed later, in small steps: a million of them would take longer than a statement may, and lock as many rows.

    Raises:
        StockNotFound: It does not exist, or was deleted.
    """
    stored = await repository.stocks.lock(stock_id)
    if stored is None or not stored.listed:
        raise StockNotFound(stock_id)
    ended = await repository.subscriptions.count_of_stock(stock_id)
    # Taken under the lock of the stock, so that it is above the revisions of all subscriptions there are, and below
    # those of all that may come once it is created again.
    (deleted,) = await repository.outbox.append([StockDeleted(stock_id, NO_REVISION)])
    await repository.stocks.bury(stock_id, at=now, revision=deleted.revision)
    return ended


async def delete_user(repository: Repository, user_id: str) -> int:
    """Delete a user and its subscriptions; return how many those were.

    Raises:
        UserNotFound: It does not exist.
    """
    if not await repository.users.lock([user_id]):
        raise UserNotFound(user_id)
    ended = (await repository.subscriptions.count([user_id])).get(user_id, 0)
    await repository.subscriptions.delete_of_user(user_id)
    await repository.users.delete(user_id)
    await repository.outbox.append([UserDeleted(user_id, NO_REVISION)])
    return ended
