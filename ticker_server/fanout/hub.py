"""The hub: the newest tick of every stock, and who wants each one as it comes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from ticker_server.fanout.recent import RecentTicks
from ticker_server.fanout.scheduler import Puller
from ticker_server.model.stock import Stock
from ticker_server.model.tick import AcceptedTick

__all__ = ["Hub", "Quote"]

_KEPT = 100_000
"""So many ticks are kept for readers that come back."""


class Quote:
    """What the hub knows of one stock.

    `stock` is None while the catalog does not know it: its ticks are kept, and delivered once it exists.
    `hidden_through` is the newest sequence of a former life of the stock; prices up to it are not shown.
    `version` is the hub's count of publications when the newest tick came. `receivers` are those that take every tick:
    who pulls after a batch, and what to put each tick to; it never waits and never fails.
    """

    __slots__ = ("hidden_through", "newest", "receivers", "stock", "stock_id", "version")

    def __init__(self, stock_id: str) -> None:
        self.stock_id = stock_id
        self.stock: Stock | None = None
        self.hidden_through = 0
        self.newest: AcceptedTick | None = None
        self.version = 0
        self.receivers: dict[Puller, Callable[[AcceptedTick], None]] = {}

    @property
    def price(self) -> AcceptedTick | None:
        """The newest tick that may be shown: of a stock that exists, and of its present life."""
        newest = self.newest
        if newest is None or self.stock is None or newest.sequence <= self.hidden_through:
            return None
        return newest


class Hub:
    """Takes accepted ticks and holds the newest of each stock; never waits.

    Frequency watches look at `Quote.newest` at their beat, every-tick watches are among its `receivers`. Nothing here
    knows what a watch is. Ticks of a stock that does not exist are put too: who follows it has seen it in the catalog,
    and this gateway has yet to hear of it. `epoch` is that of the log its ticks come from, and `recent` the last
    `kept` of them.
    """

    def __init__(self, epoch: str = "", *, kept: int = _KEPT) -> None:
        self.recent = RecentTicks(kept)
        self.epoch = epoch
        self._quotes: dict[str, Quote] = {}
        self._version = 0
        self._changed: dict[str, Quote] = {}

    @property
    def version(self) -> int:
        """The count of ticks published so far; `changed_since` takes it."""
        return self._version

    def quote(self, stock_id: str) -> Quote:
        """Return the quote of a stock, made on first use."""
        quote = self._quotes.get(stock_id)
        if quote is None:
            quote = self._quotes[stock_id] = Quote(stock_id)
        return quote

    def newest(self, stock_id: str) -> AcceptedTick | None:
        """Return the newest tick of a stock, shown or not; None if there is none."""
        quote = self._quotes.get(stock_id)
        return quote.newest if quote is not None else None

    def listed(self) -> Iterator[Quote]:
        """Yield the quotes of all stocks that exist, in no order."""
        return (quote for quote in self._quotes.values() if quote.stock is not None)

    def list_stock(self, stock: Stock) -> Quote:
        """Make a stock known: from now on its ticks are delivered."""
        quote = self.quote(stock.stock_id)
        quote.stock = stock
        # Sequences of another log say nothing about this one's.
        quote.hidden_through = stock.hidden_through if stock.hidden_epoch == self.epoch else 0
        return quote

    def unlist_stock(self, stock_id: str) -> None:
        """Forget that a stock exists; its newest tick stays, for the numbering of its next life."""
        self.quote(stock_id).stock = None

    def publish(self, ticks: Sequence[AcceptedTick]) -> Iterable[Puller]:
        """Take ticks in the order of the log and put each to its receivers; return those that got any.

        The caller lets each of them pull, in slices of its own choice, so that no one waits behind thousands.
        """
        taken: dict[Quote, None] = {}
        changed = self._changed
        for tick in ticks:
            quote = self._quotes.get(tick.stock_id) or self.quote(tick.stock_id)
            self._version += 1
            self.recent.add(tick)
            quote.newest = tick
            quote.version = self._version
            changed.pop(tick.stock_id, None)
            changed[tick.stock_id] = quote
            if quote.receivers:
                for put in quote.receivers.values():
                    put(tick)
                taken[quote] = None
        touched: dict[Puller, object] = {}
        for quote in taken:
            touched.update(quote.receivers)
        return touched

    def changed_since(self, version: int) -> list[Quote]:
        """Return the listed quotes with a tick published after a version, the longest unchanged first."""
        found = []
        for quote in reversed(self._changed.values()):
            if quote.version <= version:
                break
            if quote.stock is not None:
                found.append(quote)
        found.reverse()
        return found
