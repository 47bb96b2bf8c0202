"""Small stand-ins for what the servicers are built on: a clock, a catalog, a price log."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from hypothesis import strategies as st

from ticker_server.catalog import AddedStock, RemovedStocks
from ticker_server.errors import PriceLogUnavailable, StockNotFound, UserNotFound
from ticker_server.feed.log import Outcome, Published
from ticker_server.model.stock import Stock, User
from ticker_server.model.subscription import Subscription, Wish
from ticker_server.model.tick import AcceptedTick, Tick

SECOND = 1_000_000_000
# Wednesday, 2026-07-01T12:00:00Z
NOON = 1_782_907_200 * SECOND


class FixedClock:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.now = NOON

    def wall(self) -> int:
        """Return the time that was set."""
        return self.now

    def monotonic(self) -> int:
        """Return the time that was set."""
        return self.now


@dataclass
class MemoryCatalog:
    """The catalog's methods over dictionaries, without rules of their own."""

    clock: FixedClock
    stocks: dict[str, Stock] = field(default_factory=dict)
    users: dict[str, User] = field(default_factory=dict)
    subscriptions: dict[tuple[str, str], Subscription] = field(default_factory=dict)

    async def create_stock(self, stock_id: str, *, name: str | None, currency: str | None) -> Stock:
        """Create a stock, or return it."""
        stock = Stock(stock_id, name or stock_id, currency or "USD", self.clock.wall())
        return self.stocks.setdefault(stock_id, stock)

    async def get_stock(self, stock_id: str) -> Stock:
        """Return a stock, or raise."""
        if stock_id not in self.stocks:
            raise StockNotFound(stock_id)
        return self.stocks[stock_id]

    async def find_stock(self, stock_id: str) -> Stock | None:
        """Return a stock or None."""
        return self.stocks.get(stock_id)

    def stocks_after(self, after: str, limit: int) -> list[Stock]:
        """Return stocks in order."""
        return [self.stocks[stock_id] for stock_id in sorted(self.stocks) if stock_id > after][:limit]

    async def list_stocks(self, *, after: str, limit: int) -> list[Stock]:
        """Return stocks in order."""
        return self.stocks_after(after, limit)

    async def update_stock(self, stock_id: str, *, name: str) -> Stock:
        """Rename a stock."""
        self.stocks[stock_id] = replace(await self.get_stock(stock_id), name=name)
        return self.stocks[stock_id]

    async def delete_stock(self, stock_id: str) -> int:
        """Delete a stock."""
        await self.get_stock(stock_id)
        del self.stocks[stock_id]
        return self._end(lambda subscription: subscription.stock_id == stock_id)

    async def create_user(self, user_id: str) -> User:
        """Create a user, or return it."""
        return self.users.setdefault(user_id, User(user_id, self.clock.wall()))

    async def get_user(self, user_id: str) -> User:
        """Return a user, or raise."""
        if user_id not in self.users:
            raise UserNotFound(user_id)
        return self.users[user_id]

    async def delete_user(self, user_id: str) -> int:
        """Delete a user."""
        await self.get_user(user_id)
        del self.users[user_id]
        return self._end(lambda subscription: subscription.user_id == user_id)

    async def add_stocks(
        self, wishes: Sequence[Wish], *, field: Callable[[int], str] = lambda _: ""
    ) -> list[AddedStock]:
        """Store wishes, all or none."""
        for index, wish in enumerate(wishes):
            if wish.stock_id not in self.stocks:
                raise StockNotFound(wish.stock_id, field=field(index))
        return [await self._add(wish) for wish in wishes]

    async def remove_stocks(self, user_id: str, stock_ids: Sequence[str]) -> RemovedStocks:
        """Remove subscriptions."""
        await self.get_user(user_id)
        removed = tuple(each for each in stock_ids if self.subscriptions.pop((user_id, each), None))
        return RemovedStocks(removed, tuple(each for each in stock_ids if each not in removed))

    async def list_subscriptions(self, user_id: str, *, after: str, limit: int) -> list[Subscription]:
        """Return subscriptions in order."""
        await self.get_user(user_id)
        keys = sorted(key for key in self.subscriptions if key[0] == user_id and key[1] > after)
        return [self.subscriptions[key] for key in keys][:limit]

    async def _add(self, wish: Wish) -> AddedStock:
        await self.create_user(wish.user_id)
        key, now = (wish.user_id, wish.stock_id), self.clock.wall()
        created = key not in self.subscriptions
        self.subscriptions[key] = Subscription(*key, wish.cadence, wish.schedule, 1, now, now)
        return AddedStock(self.subscriptions[key], created)

    def _end(self, ended: Callable[[Subscription], bool]) -> int:
        keys = [key for key, subscription in self.subscriptions.items() if ended(subscription)]
        for key in keys:
            del self.subscriptions[key]
        return len(keys)


@dataclass
class MemoryLog:
    """A price log that takes what it is given."""

    epoch: str = "epoch-1"
    ticks: list[Tick] = field(default_factory=list)
    newest: dict[str, AcceptedTick] = field(default_factory=dict)
    outcome: Outcome = Outcome.ACCEPTED
    down: bool = False

    async def publish(self, ticks: Sequence[Tick]) -> list[Published]:
        """Take ticks, or do with them what the test says."""
        if self.down:
            raise PriceLogUnavailable("the price log does not answer")
        return [self._take(tick) for tick in ticks]

    def _take(self, tick: Tick) -> Published:
        if self.outcome is not Outcome.ACCEPTED:
            return Published(self.outcome)
        self.ticks.append(tick)
        sequence = len(self.ticks)
        trade_time = NOON if tick.trade_time is None else tick.trade_time
        self.newest[tick.stock_id] = AcceptedTick(
            tick.stock_id, tick.price, tick.size, trade_time, NOON, sequence, sequence
        )
        return Published(Outcome.ACCEPTED, sequence)


@pytest.fixture
def clock() -> FixedClock:
    """A clock that stands at Wednesday, 2026-07-01T12:00:00Z."""
    return FixedClock()


@pytest.fixture
def catalog(clock: FixedClock) -> MemoryCatalog:
    """An empty catalog."""
    return MemoryCatalog(clock)


@pytest.fixture
def log() -> MemoryLog:
    """An empty price log."""
    return MemoryLog()


# Texts that rules care about, beside any others.
TEXTS = st.text(max_size=20) | st.sampled_from(
    ["AAPL", "aapl", "BRK.B", "*", "ana", "ana@x.org", "UTC", "Europe/Berlin", "10:00", "24:00", "1.5", "0", "USD"]
)
INTEGERS = {
    FieldDescriptor.CPPTYPE_INT32: st.integers(-(2**31), 2**31 - 1) | st.integers(-1, 8),
    FieldDescriptor.CPPTYPE_INT64: st.integers(-(2**63), 2**63 - 1) | st.integers(-1, 100_000),
    FieldDescriptor.CPPTYPE_UINT32: st.integers(0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_UINT64: st.integers(0, 2**64 - 1) | st.integers(0, 3),
    FieldDescriptor.CPPTYPE_ENUM: st.integers(-(2**31), 2**31 - 1) | st.integers(0, 8),
}


def values(field: FieldDescriptor) -> st.SearchStrategy[object]:
    """Return any value of a field."""
    if field.cpp_type == FieldDescriptor.CPPTYPE_MESSAGE:
        one = messages(field.message_type)
    elif field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        one = TEXTS
    elif field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        one = st.booleans()
    else:
        one = INTEGERS[field.cpp_type]
    return st.lists(one, max_size=4) if field.is_repeated else one


def messages(descriptor: Descriptor) -> st.SearchStrategy[Message]:
    """Return any message of a type."""
    fields = {field.name: values(field) for field in descriptor.fields}
    kind = GetMessageClass(descriptor)
    return st.fixed_dictionaries({}, optional=fields).map(lambda chosen: kind(**chosen))


@pytest.fixture(scope="session")
def arbitrary() -> Callable[[type[Message]], st.SearchStrategy[Message]]:
    """Any message of a type, as a strategy."""
    return lambda kind: messages(kind.DESCRIPTOR)
