"""The open watches of this gateway, and the way of a catalog change to those that it concerns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from ticker_server.fanout.following import Following
from ticker_server.fanout.hub import Hub
from ticker_server.fanout.pieces import ChangeKind, GoAwayReason
from ticker_server.fanout.watch import Watch
from ticker_server.model.change import (
    Change,
    StockCreated,
    StockDeleted,
    StockRenamed,
    SubscriptionChanged,
    SubscriptionRemoved,
    UserDeleted,
)
from ticker_server.model.schedule import Schedule
from ticker_server.model.stock import Stock
from ticker_server.model.subscription import Subscription

__all__ = ["ALWAYS", "WatchRegistry"]

ALWAYS = Schedule("UTC", None)
"""The schedule of an ad-hoc watch: it has no window."""

_NO_REVISION = 0


class WatchRegistry:
    """Open watches by id and by user.

    A watch is registered before the stored subscriptions of its user are loaded. Changes that come meanwhile are kept
    aside, the newest per stock, and replayed when it begins; revisions tell which of the two is newer.
    """

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._watches: dict[str, Watch] = {}
        self._by_user: dict[str, dict[Watch, None]] = {}
        self._early: dict[Watch, dict[str, Change]] = {}
        self._early_refresh: dict[Watch, Sequence[Subscription] | None] = {}

    def __len__(self) -> int:
        return len(self._watches)

    def __iter__(self) -> Iterator[Watch]:
        return iter(list(self._watches.values()))

    def register(self, watch: Watch) -> None:
        """Keep a watch until it is removed; it begins with `begin`."""
        self._watches[watch.watch_id] = watch
        self._early[watch] = {}
        if watch.user_id:
            self._by_user.setdefault(watch.user_id, {})[watch] = None

    def remove(self, watch: Watch) -> None:
        """Forget a watch that was closed."""
        self._watches.pop(watch.watch_id, None)
        self._early.pop(watch, None)
        self._early_refresh.pop(watch, None)
        if (of_user := self._by_user.get(watch.user_id)) is not None:
            of_user.pop(watch, None)
            if not of_user:
                del self._by_user[watch.user_id]

    def begin(self, watch: Watch, followings: Sequence[Following]) -> None:
        """Let a watch begin with what was loaded for it, and apply what changed since it was registered."""
        watch.begin(followings)
        if watch in self._early_refresh:
            self._refresh(watch, self._early_refresh.pop(watch))
        for change in self._early.pop(watch, {}).values():
            self._tell(watch, change)

    def following(self, subscription: Subscription) -> Following:
        """Return the following that a subscription asks for."""
        return Following(
            self._hub.quote(subscription.stock_id),
            subscription.cadence,
            subscription.schedule,
            user_id=subscription.user_id,
            revision=subscription.revision,
        )

    def apply(self, changes: Iterable[Change]) -> None:
        """Apply catalog changes, in their order, to the hub and to the watches that they concern."""
        for change in changes:
            self.note(change)
            for watch in self._concerned(change):
                early = self._early.get(watch)
                if early is not None:
                    early[_stock_id(change)] = change
                else:
                    self._tell(watch, change)

    def users(self) -> list[str]:
        """Return the users who have watches open."""
        return list(self._by_user)

    def refresh_stocks(self, stocks: Sequence[Stock]) -> None:
        """Take the stocks as they are stored now, because changes of them may have been missed; tell the watches."""
        listed = {stock.stock_id for stock in stocks}
        gone = [quote.stock_id for quote in self._hub.listed() if quote.stock_id not in listed]
        all_stocks = [watch for watch in self if watch.all_stocks_cadence is not None and watch not in self._early]
        for stock in stocks:
            self._hub.list_stock(stock)
            for watch in all_stocks:
                self._stock_created(watch, stock, _NO_REVISION)
        for stock_id in gone:
            self._hub.unlist_stock(stock_id)
            for watch in self:
                watch.leave(stock_id, ChangeKind.STOCK_DELETED)

    def refresh_user(self, user_id: str, subscriptions: Sequence[Subscription] | None) -> None:
        """Take a user's subscriptions as they are stored now, None for a user that is gone; tell the watches."""
        for watch in list(self._by_user.get(user_id, ())):
            if watch in self._early:
                self._early_refresh[watch] = subscriptions
            else:
                self._refresh(watch, subscriptions)

    def note_feed(self) -> Iterable[Watch]:
        """Let every watch tell at its next pull how the feed stands; return them, for the caller to let pull."""
        for watch in self:
            watch.note_feed()
            yield watch

    def drain(self, reconnect_after: Callable[[], int]) -> None:
        """End every watch as planned; each is told when to come back, as drawn for it (nanoseconds)."""
        for watch in self:
            watch.go_away(GoAwayReason.DRAINING, reconnect_after())

    def note(self, change: Change) -> None:
        """Let the hub know of a stock that was made or deleted; watches are told by `apply`.

        Called right after a commit of this gateway's own, so that a watch opened next already sees what was done.
        """
        match change:
            case StockCreated(stock=stock) | StockRenamed(stock=stock):
                self._hub.list_stock(stock)
            case StockDeleted(stock_id=stock_id):
                self._hub.unlist_stock(stock_id)
            case _:
                pass

    def _concerned(self, change: Change) -> list[Watch]:
        match change:
            case StockCreated() | StockDeleted():
                return list(self._watches.values())
            case StockRenamed():
                return []
            case SubscriptionChanged(subscription=subscription):
                return list(self._by_user.get(subscription.user_id, ()))
            case SubscriptionRemoved(user_id=user_id) | UserDeleted(user_id=user_id):
                return list(self._by_user.get(user_id, ()))

    def _tell(self, watch: Watch, change: Change) -> None:
        match change:
            case StockCreated(stock=stock, revision=revision):
                self._stock_created(watch, stock, revision)
            case StockDeleted(stock_id=stock_id, revision=revision):
                if self._is_news(watch, stock_id, revision):
                    watch.leave(stock_id, ChangeKind.STOCK_DELETED)
            case SubscriptionChanged(subscription=subscription):
                if self._is_news(watch, subscription.stock_id, subscription.revision):
                    watch.join(self.following(subscription))
            case SubscriptionRemoved(stock_id=stock_id, revision=revision):
                if self._is_news(watch, stock_id, revision):
                    watch.leave(stock_id, ChangeKind.LEFT)
            case UserDeleted(revision=revision):
                self._user_deleted(watch, revision)
            case StockRenamed():
                pass

    def _refresh(self, watch: Watch, subscriptions: Sequence[Subscription] | None) -> None:
        if subscriptions is None:
            watch.end_for_user()
            return
        wanted = {subscription.stock_id for subscription in subscriptions}
        for stock_id in [each for each in watch.roster.followings if each not in wanted]:
            watch.leave(stock_id, ChangeKind.LEFT)
        for subscription in subscriptions:
            if self._is_news(watch, subscription.stock_id, subscription.revision):
                watch.join(self.following(subscription))

    @staticmethod
    def _user_deleted(watch: Watch, revision: int) -> None:
        # A following above it belongs to the same user created again.
        if all(following.revision < revision for following in watch.roster.followings.values()):
            watch.end_for_user()

    def _stock_created(self, watch: Watch, stock: Stock, revision: int) -> None:
        if watch.all_stocks_cadence is not None and stock.stock_id not in watch.roster.followings:
            quote = self._hub.quote(stock.stock_id)
            watch.join(Following(quote, watch.all_stocks_cadence, ALWAYS, revision=revision))

    @staticmethod
    def _is_news(watch: Watch, stock_id: str, revision: int) -> bool:
        following = watch.roster.followings.get(stock_id)
        return following is None or revision > following.revision


def _stock_id(change: Change) -> str:
    """Return the stock that a change concerns; empty for a change of the user itself."""
    match change:
        case StockCreated(stock=stock) | StockRenamed(stock=stock):
            return stock.stock_id
        case SubscriptionChanged(subscription=subscription):
            return subscription.stock_id
        case StockDeleted(stock_id=stock_id) | SubscriptionRemoved(stock_id=stock_id):
            return stock_id
        case UserDeleted():
            return ""
