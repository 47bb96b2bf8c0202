"""How what a reader was told of each stock follows on from what it was told before, over all streams of the reader."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta

from tests.support.history import Begun, History
from ticker_client import (
    CaughtUp,
    Gap,
    Opened,
    StockChanged,
    StockDeleted,
    StockJoined,
    StockLeft,
    Update,
    UpdateKind,
    WatchedStock,
)


@dataclass(frozen=True, slots=True)
class Link:
    """A gap or an update, and what was told of its stock before it."""

    word: Gap | Update
    after: int | None
    """The tick number that was delivered or told to be missing last; None where nothing can be demanded."""
    every_tick: bool
    is_first: bool
    """Whether it is the first word about a stock that was followed before the stream it comes on."""
    is_early: bool = False
    """Whether it is news of a stock whose state was to come first."""
    restarts: bool = False
    """Whether accounting starts anew with it: it is the state of a stock that had no price, or is followed otherwise."""

    @property
    def first_number(self) -> int:
        """The first tick number it speaks of; 0 = none."""
        return self.word.first_missing_tick_number if isinstance(self.word, Gap) else self.word.tick_number

    @property
    def break_of_chain(self) -> str:
        """What is wrong with it as the word that comes next, in words; empty if nothing is."""
        if self.is_early:
            return f"{self.word} before the state of its stock"
        if self.after is None or not self.first_number or self.restarts:
            return ""
        missing = self.first_number - self.after - 1
        if isinstance(self.word, Update) and not self.every_tick:
            is_right = 0 <= missing == self.word.superseded
        else:
            is_right = not missing
        return "" if is_right else f"{self.word} after number {self.after}"


@dataclass
class Chain:
    """Where a reader stands, as its history goes on; `take` one event after the other."""

    epoch: str = ""
    positions: dict[str, int | None] = field(default_factory=dict)
    """By stock, the number that was delivered or told to be missing last; None where nothing can be demanded."""
    followed: dict[str, WatchedStock] = field(default_factory=dict)
    """What the stream follows, by stock."""
    caught_up: bool = False
    """Whether the stream has caught up."""
    _unheard: set[str] = field(default_factory=set)
    """Stocks of an earlier stream of which nothing has come on this one."""
    _untold: set[str] = field(default_factory=set)
    """Stocks that have a price, and whose state has not come yet."""
    _changed: set[str] = field(default_factory=set)
    """Stocks that are followed otherwise than before, and whose state has not come yet."""

    def take(self, event: object) -> Link | None:
        """Take an event; return how it follows on, if it is a gap or an update."""
        match event:
            case Begun():
                self._begin(event)
            case Opened():
                self._open(event)
            case StockJoined():
                self._follow(event.stock)
                self._await_state(event.stock)
            case StockChanged():
                self._follow(event.stock)
                self._changed.add(event.stock_id)
                if self.caught_up:  # otherwise it has changed while the reader was away, and the numbers go on
                    self._await_state(event.stock)
            case StockLeft() | StockDeleted():
                self.followed.pop(event.stock_id, None)
                self.positions.pop(event.stock_id, None)
                self._untold.discard(event.stock_id)
            case CaughtUp():
                self.caught_up = True
            case Gap() | Update():
                return self._link(event)
        return None

    def _begin(self, begun: Begun) -> None:
        resume = begun.resume
        self.epoch = "" if resume is None else resume.log_epoch
        self.positions = {} if resume is None else {p.stock_id: p.tick_number or None for p in resume.positions}
        self.followed = {}
        self._untold.clear()

    def _open(self, opened: Opened) -> None:
        if self.epoch not in {"", opened.log_epoch}:
            self.positions = dict.fromkeys(self.positions)
        self.epoch, self.caught_up = opened.log_epoch, False
        self._unheard = {stock_id for stock_id, after in self.positions.items() if after is not None}
        for stock in opened.stocks:
            self._follow(stock)
            if stock.stock_id not in self.positions:
                self._await_state(stock)

    def _follow(self, stock: WatchedStock) -> None:
        self.followed[stock.stock_id] = stock

    def _await_state(self, stock: WatchedStock) -> None:
        """Note that accounting starts anew: with the state of the stock, or, where it has no price, with number 1."""
        self.positions[stock.stock_id] = None if stock.has_price else 0
        if stock.has_price:
            self._untold.add(stock.stock_id)

    def _link(self, word: Gap | Update) -> Link:
        stock_id = word.stock_id
        stock, after = self.followed.get(stock_id), self.positions.get(stock_id)
        is_state = isinstance(word, Update) and word.kind is UpdateKind.SNAPSHOT
        link = Link(
            word,
            after,
            every_tick=stock is not None and stock.every_tick,
            is_first=stock_id in self._unheard,
            is_early=stock_id in self._untold and isinstance(word, Update) and word.kind is UpdateKind.LIVE,
            restarts=is_state and (not after or stock_id in self._changed),
        )
        self._unheard.discard(stock_id)
        self._untold.discard(stock_id)
        self._changed.discard(stock_id)
        told = word.last_missing_tick_number if isinstance(word, Gap) else word.tick_number
        self.positions[stock_id] = told or None
        return link


def links(history: History) -> Iterator[Link]:
    """Yield all gaps and updates of a history, each with what came before it."""
    return (link for program in programs(history) for link in program)


def programs(history: History) -> Iterator[list[Link]]:
    """Yield the gaps and updates of one program after the other."""
    chain = Chain()
    program: list[Link] = []
    for seen in history:
        if isinstance(seen.event, Begun):
            yield program
            program = []
        link = chain.take(seen.event)
        if link is not None:
            program.append(link)
    yield program


def cadences(history: History) -> dict[str, timedelta | None]:
    """Return how often each stock was followed, by what was said last: its frequency, None for every tick."""
    chain, found = Chain(), dict[str, timedelta | None]()
    for seen in history:
        chain.take(seen.event)
        if isinstance(seen.event, Opened | StockJoined | StockChanged):
            found |= {stock_id: stock.frequency for stock_id, stock in chain.followed.items()}
    return found
