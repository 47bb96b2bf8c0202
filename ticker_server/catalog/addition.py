"""What AddStock and BatchAddStocks do: store wishes as subscriptions, all or none."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ticker_server.catalog.outbox_table import NO_REVISION
from ticker_server.catalog.repository import Repository
from ticker_server.catalog.subscription_table import Key
from ticker_server.errors import LimitExceeded, StockNotFound, shown
from ticker_server.model.change import SubscriptionChanged
from ticker_server.model.subscription import Subscription, Wish

__all__ = ["AddedStock", "add_stocks"]


@dataclass(frozen=True, slots=True)
class AddedStock:
    """What became of one wish: the subscription as it is now, and whether the wish created it."""

    subscription: Subscription
    created: bool


async def add_stocks(
    repository: Repository,
    wishes: Sequence[Wish],
    *,
    now: int,
    max_subscriptions: int,
    field: Callable[[int], str],
) -> list[AddedStock]:
    """Store wishes and return one result per wish, in order.

    Users that do not exist are created. A wish that is stored already changes nothing. Where several wishes are for
    the same user and stock the last one counts, as if they had come one after another; each result shows it.

    Raises:
        StockNotFound: A stock does not exist; `field(index)` is the path of the wish that names it.
        LimitExceeded: A user would have more than `max_subscriptions`.
    """
    wanted: dict[Key, Wish] = {(wish.user_id, wish.stock_id): wish for wish in wishes}
    await _lock_users(repository, {user_id for user_id, _ in wanted}, now)
    listed = await repository.stocks.keep_listed({stock_id for _, stock_id in wanted})
    for index, wish in enumerate(wishes):
        if wish.stock_id not in listed:
            raise StockNotFound(wish.stock_id, field=field(index))
    stored = await repository.subscriptions.find(list(wanted))
    created = wanted.keys() - stored.keys()
    await _refuse_above_limit(repository, created, max_subscriptions)
    current = {**stored, **await _store(repository, wanted, stored, now)}
    return [
        AddedStock(current[key], created=key in created and not seen_before)
        for key, seen_before in _marked_repeats([(wish.user_id, wish.stock_id) for wish in wishes])
    ]


async def _lock_users(repository: Repository, user_ids: set[str], now: int) -> None:
    """Lock the users, and first make those that are missing.

    Several users are made before any is locked. Who waits for another one's new user then holds no lock that this one
    could want, and locks are taken in the order of the ids: no deadlock.
    """
    if len(user_ids) == 1 and await repository.users.lock(user_ids):
        return
    while True:
        await repository.users.insert_missing(user_ids, now)
        if await repository.users.lock(user_ids) == user_ids:
            return
        # Another transaction has deleted one of them in between.


async def _refuse_above_limit(repository: Repository, created: set[Key], limit: int) -> None:
    users = sorted({user_id for user_id, _ in created})
    counts = await repository.subscriptions.count(users)
    for user_id in users:
        total = counts.get(user_id, 0) + sum(1 for key in created if key[0] == user_id)
        if total > limit:
            raise LimitExceeded(
                "SUBSCRIPTION_LIMIT",
                f"user:{user_id}",
                f"user {shown(user_id)} would have {total} subscriptions, but at most {limit} are allowed; "
                "SubscriptionService/RemoveStocks makes room",
            )


async def _store(
    repository: Repository, wanted: Mapping[Key, Wish], stored: Mapping[Key, Subscription], now: int
) -> dict[Key, Subscription]:
    """Store the wishes that differ from what is stored; return the subscriptions that changed."""
    changes = [
        SubscriptionChanged(_subscription(wish, stored.get(key), now))
        for key, wish in wanted.items()
        if key not in stored or not _fulfils(stored[key], wish)
    ]
    changed: dict[Key, Subscription] = {}
    for change in await repository.outbox.append(changes):
        assert isinstance(change, SubscriptionChanged)
        changed[change.subscription.user_id, change.subscription.stock_id] = change.subscription
    await repository.subscriptions.store(list(changed.values()))
    return changed


def _fulfils(subscription: Subscription, wish: Wish) -> bool:
    return subscription.cadence == wish.cadence and subscription.schedule == wish.schedule


def _subscription(wish: Wish, stored: Subscription | None, now: int) -> Subscription:
    return Subscription(
        user_id=wish.user_id,
        stock_id=wish.stock_id,
        cadence=wish.cadence,
        schedule=wish.schedule,
        revision=NO_REVISION,
        create_time=stored.create_time if stored else now,
        update_time=now,
    )


def _marked_repeats(keys: Sequence[Key]) -> list[tuple[Key, bool]]:
    """Return each key with whether it came before."""
    seen: set[Key] = set()
    marked = []
    for key in keys:
        marked.append((key, key in seen))
        seen.add(key)
    return marked
