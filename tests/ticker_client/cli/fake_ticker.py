"""A client without a server: it keeps what it is told, and answers as the server would."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Self

from ticker_client.bars import Bar
from ticker_client.bookmark import Bookmark
from ticker_client.errors import InvalidArgument, NotFound, OutcomeUnknown
from ticker_client.events import Event
from ticker_client.models import (
    AddedStock,
    LatestPrices,
    PublishOutcome,
    PublishResult,
    RemovedStocks,
    Stock,
    StockPrice,
    Subscription,
    SubscriptionRequest,
    Tick,
    User,
    Window,
)
from ticker_client.resume import Resume

MOMENT = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
NEXT_OPENING = datetime(2026, 11, 24, 10, tzinfo=UTC)


def not_found(kind: str, name: str) -> NotFound:
    """Return the error for what does not exist."""
    return NotFound(f"{kind}_NOT_FOUND", f'"{name}" does not exist', code="NOT_FOUND")


class FakePublisher:
    """Takes ticks as acceptance does: in order, and each sequence once."""

    def __init__(self, ticker: FakeTicker, publisher_id: str) -> None:
        self._ticker = ticker
        self._publisher_id = publisher_id

    async def publish(self, ticks: Sequence[Tick]) -> list[PublishResult]:
        """Refuse the batch as a whole, or return what became of each tick."""
        self._ticker.batches.append(list(ticks))
        for trouble in (self._ticker.publish_trouble, self._unknown_stock):
            error = trouble(ticks)
            if error is not None:
                raise error
        results = [PublishResult(self._outcome(tick)) for tick in ticks]
        if any(result.outcome is PublishOutcome.UNKNOWN for result in results):
            raise OutcomeUnknown(results)
        return results

    def _unknown_stock(self, ticks: Sequence[Tick]) -> Exception | None:
        missing = [tick.stock_id for tick in ticks if tick.stock_id not in self._ticker.stocks]
        return not_found("STOCK", missing[0]) if missing else None

    def _outcome(self, tick: Tick) -> PublishOutcome:
        if str(tick.price) in self._ticker.unanswered_prices:
            return PublishOutcome.UNKNOWN
        assert tick.publisher_sequence is not None
        key = (self._publisher_id, tick.stock_id)
        if tick.publisher_sequence <= self._ticker.last_sequences.get(key, 0):
            return PublishOutcome.DUPLICATE
        self._ticker.last_sequences[key] = tick.publisher_sequence
        self._ticker.log.append((self._publisher_id, tick))
        return PublishOutcome.ACCEPTED


class FakeWatch:
    """A watch that tells what it was given, then ends or fails."""

    def __init__(self, ticker: FakeTicker, resume: Resume | None) -> None:
        self._ticker = ticker
        self._bookmark = Bookmark(resume or Resume())

    @property
    def resume(self) -> Resume:
        """Where the reader stands."""
        return self._bookmark.resume()

    async def __aenter__(self) -> Self:
        if self._ticker.watch_refusal is not None:
            raise self._ticker.watch_refusal
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    async def all_events(self) -> AsyncIterator[Event]:
        """Yield the events, then raise the failure if there is one."""
        for event in self._ticker.events:
            self._bookmark.take(event)
            yield event
        if self._ticker.watch_failure is not None:
            raise self._ticker.watch_failure


class FakeTicker:
    """Stands in for TickerClient."""

    def __init__(self) -> None:
        self.stocks: dict[str, Stock] = {}
        self.users: dict[str, User] = {}
        self.subscriptions: dict[tuple[str, str], Subscription] = {}
        self.prices: list[StockPrice] = []
        self.log: list[tuple[str, Tick]] = []
        self.batches: list[list[Tick]] = []
        self.last_sequences: dict[tuple[str, str], int] = {}
        self.unanswered_prices: set[str] = set()
        self.publish_trouble: Callable[[Sequence[Tick]], Exception | None] = lambda ticks: None  # noqa: ARG005 - there is none
        self.events: list[Event] = []
        self.watch_refusal: Exception | None = None
        self.watch_failure: Exception | None = None
        self.watched: list[tuple[tuple[str, ...], dict[str, Any]]] = []
        self.bars: list[Bar] = []
        self.bars_trouble: Exception | None = None
        self.asked_for_bars: list[tuple[str, dict[str, Any]]] = []
        self.is_open = False

    async def __aenter__(self) -> Self:
        self.is_open = True
        return self

    async def __aexit__(self, *_: object) -> None:
        self.is_open = False

    async def create_stock(self, stock_id: str, *, name: str = "", currency: str = "") -> Stock:
        """Return the stock, new or not."""
        return self.stocks.setdefault(stock_id, Stock(stock_id, name or stock_id, currency or "USD", MOMENT))

    async def get_stock(self, stock_id: str) -> Stock:
        """Return the stock or raise NotFound."""
        if stock_id not in self.stocks:
            raise not_found("STOCK", stock_id)
        return self.stocks[stock_id]

    async def list_stocks(self) -> AsyncIterator[Stock]:
        """Yield all stocks."""
        for stock_id in sorted(self.stocks):
            yield self.stocks[stock_id]

    async def delete_stock(self, stock_id: str) -> int:
        """Return how many subscriptions it had."""
        await self.get_stock(stock_id)
        del self.stocks[stock_id]
        return len([1 for _, followed in self.subscriptions if followed == stock_id])

    async def create_user(self, user_id: str) -> User:
        """Return the user, new or not."""
        return self.users.setdefault(user_id, User(user_id, MOMENT))

    async def get_user(self, user_id: str) -> User:
        """Return the user or raise NotFound."""
        if user_id not in self.users:
            raise not_found("USER", user_id)
        return self.users[user_id]

    async def delete_user(self, user_id: str) -> int:
        """Return how many subscriptions it had."""
        await self.get_user(user_id)
        del self.users[user_id]
        return 1

    async def add_stock(self, stock_id: str, **wish: Any) -> AddedStock:
        """Store one wish."""
        return self._add(SubscriptionRequest(stock_id=stock_id, **wish))

    async def add_stocks(self, requests: Sequence[SubscriptionRequest]) -> list[AddedStock]:
        """Store wishes, all or none."""
        return [self._add(request) for request in requests]

    def _add(self, request: SubscriptionRequest) -> AddedStock:
        if request.time_zone == "Mars/Olympus":
            raise InvalidArgument("INVALID_TIME_ZONE", "no such zone", code="INVALID_ARGUMENT")
        assert request.user_id is not None
        subscription = Subscription(
            user_id=request.user_id,
            stock_id=request.stock_id,
            time_zone=request.time_zone,
            frequency=request.frequency,
            every_tick=request.every_tick,
            window=None if request.always else request.window or Window(),
            always=request.always,
            revision=len(self.subscriptions) + 1,
            create_time=MOMENT,
            update_time=MOMENT,
            open_now=request.always,
            next_open_time=None if request.always else NEXT_OPENING,
        )
        created = (request.user_id, request.stock_id) not in self.subscriptions
        self.subscriptions[request.user_id, request.stock_id] = subscription
        return AddedStock(subscription, created)

    async def remove_stocks(self, *stock_ids: str, user_id: str) -> RemovedStocks:
        """Forget wishes."""
        found = tuple(stock_id for stock_id in stock_ids if self.subscriptions.pop((user_id, stock_id), None))
        return RemovedStocks(found, tuple(stock_id for stock_id in stock_ids if stock_id not in found))

    async def list_subscriptions(self, user_id: str) -> AsyncIterator[Subscription]:
        """Yield the wishes of a user."""
        for (owner, _), subscription in sorted(self.subscriptions.items()):
            if owner == user_id:
                yield subscription

    async def latest(self, *stock_ids: str) -> LatestPrices:
        """Return what is known of the stocks."""
        priced = [price for price in self.prices if not stock_ids or price.stock_id in stock_ids]
        rest = [stock_id for stock_id in stock_ids if stock_id not in {price.stock_id for price in priced}]
        unpriced = tuple(stock_id for stock_id in rest if stock_id in self.stocks)
        return LatestPrices(tuple(priced), unpriced, tuple(set(rest) - set(unpriced)), "epoch")

    async def list_bars(self, stock_id: str, **span: Any) -> AsyncIterator[Bar]:
        """Yield the bars, and note what was asked."""
        self.asked_for_bars.append((stock_id, span))
        if self.bars_trouble is not None:
            raise self.bars_trouble
        for bar in self.bars:
            yield bar

    def publisher(self, publisher_id: str) -> FakePublisher:
        """Return the publisher of an id."""
        return FakePublisher(self, publisher_id)

    def watch(self, *stock_ids: str, **how: Any) -> FakeWatch:
        """Return a watch and note what was asked."""
        self.watched.append((stock_ids, how))
        return FakeWatch(self, how.get("resume"))
