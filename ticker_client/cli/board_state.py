"""What the live board shows: the events of a watch, folded into one row per stock.

Instants are nanoseconds since the epoch by this machine's clock. Nothing here reads a clock or draws.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from decimal import Decimal

from ticker_client.events import (
    CaughtUp,
    Disconnected,
    Event,
    FeedChanged,
    FeedState,
    Gap,
    GoAway,
    GoAwayReason,
    Heartbeat,
    Opened,
    Reconnected,
    StockChanged,
    StockDeleted,
    StockJoined,
    StockLeft,
    Update,
    UpdateKind,
    WatchedStock,
)
from ticker_client.instants import nanoseconds_of

__all__ = ["BoardRow", "BoardState", "UpdateRate"]

_SECOND = 1_000_000_000
_RATE_SECONDS = 5


class UpdateRate:
    """Updates per second over the last five whole seconds."""

    def __init__(self, start: int) -> None:
        self._start = start // _SECOND
        self._counts: deque[list[int]] = deque([[self._start, 0]], maxlen=_RATE_SECONDS + 1)

    def count(self, now: int) -> None:
        """Take one update into account."""
        second = now // _SECOND
        if self._counts[-1][0] != second:
            self._counts.append([second, 0])
        self._counts[-1][1] += 1

    def per_second(self, now: int) -> float:
        """Return the rate; in the first second, what has come so far."""
        second = now // _SECOND
        whole = min(_RATE_SECONDS, second - self._start)
        if whole <= 0:
            return float(self._counts[-1][1])
        return sum(count for at, count in self._counts if second - whole <= at < second) / whole


@dataclass(slots=True)
class BoardRow:
    """One stock on the board. The change is told against `first_price`, the first one that this board saw."""

    stock_id: str
    open_now: bool = True
    next_open: int | None = None
    price: Decimal | None = None
    first_price: Decimal | None = None
    size: Decimal | None = None
    trade_time: int = 0
    accept_time: int = 0
    direction: int = 0
    """The sign of the last move of the price."""
    moved_at: int | None = None
    superseded: int = 0
    """All that this board was not shown."""

    def follow(self, stock: WatchedStock) -> None:
        """Take over how the watch follows the stock."""
        self.open_now = stock.open_now
        self.next_open = _instant(stock.next_open_time)

    def take(self, update: Update, now: int) -> None:
        """Take over a price."""
        price = update.price
        if self.price is not None and price != self.price:
            self.direction = 1 if price > self.price else -1
            self.moved_at = now
        if self.first_price is None:
            self.first_price = price
        self.price = price
        self.size = update.size
        self.trade_time = update.trade_time_ns
        self.accept_time = update.accept_time_ns
        self.superseded += update.superseded
        if update.kind is UpdateKind.LIVE:
            self.open_now, self.next_open = True, None

    def is_open(self, now: int) -> bool:
        """Tell whether the window is open, as far as this side can know: its end is not told beforehand."""
        return self.open_now or (self.next_open is not None and now >= self.next_open)


@dataclass(slots=True)
class BoardState:
    """Everything that is drawn. `zone` None is this machine's own time zone."""

    target: str
    title: str
    now: int
    zone: tzinfo | None = None
    rows: dict[str, BoardRow] = field(default_factory=dict)
    feed: FeedState = FeedState.LIVE
    connected: bool = False
    caught_up: bool = False
    replaying: bool = False
    """Whether what comes is of the past."""
    complete: bool = False
    """Whether a replay has come to its end."""
    leaving: str = ""
    """Why the server is about to end the stream."""
    lost: str = ""
    """Why there is no stream; empty while there is one."""
    watch_id: str = ""
    refused: tuple[str, ...] = ()
    gaps: int = 0
    missing: int = 0
    rate: UpdateRate = field(init=False)

    def __post_init__(self) -> None:
        self.rate = UpdateRate(self.now)

    def apply(self, event: Event, now: int) -> None:
        """Fold one event into the board."""
        self.now = now
        match event:
            case Update():
                self.rate.count(now)
                self.replaying = event.kind is UpdateKind.REPLAY and not self.caught_up
                self._row(event.stock_id).take(event, now)
            case Opened():
                self._open(event)
            case StockJoined() | StockChanged() | StockLeft() | StockDeleted():
                self._take_change(event)
            case Gap():
                self.gaps += 1
                self.missing += event.missing or 0
            case CaughtUp():
                self.caught_up, self.replaying = True, False
            case FeedChanged():
                self.feed = event.state
            case Heartbeat():
                self._take_heartbeat(event)
            case GoAway() | Disconnected() | Reconnected():
                self._take_break(event)

    def _open(self, opened: Opened) -> None:
        """Take over what a stream follows; what an earlier one refused does not count any longer."""
        if opened.watch_id != self.watch_id:
            self.watch_id, self.refused = opened.watch_id, ()
        self.connected, self.caught_up = True, False
        self.refused += tuple(refusal.stock_id or refusal.user_id for refusal in opened.refusals)
        for stock in opened.stocks:
            self._row(stock.stock_id).follow(stock)

    def _take_break(self, event: GoAway | Disconnected | Reconnected) -> None:
        """Take over that the stream is about to end, has broken, or was followed by another one."""
        match event:
            case GoAway():
                self.complete = event.reason is GoAwayReason.REPLAY_COMPLETE
                self.leaving = "" if self.complete else event.reason.value
                self.replaying = False
            case Disconnected():
                self.connected, self.lost = False, event.reason
            case Reconnected():
                self.leaving = self.lost = ""

    def _row(self, stock_id: str) -> BoardRow:
        if stock_id not in self.rows:
            self.rows[stock_id] = BoardRow(stock_id)
        return self.rows[stock_id]

    def _take_change(self, change: StockJoined | StockChanged | StockLeft | StockDeleted) -> None:
        if isinstance(change, StockLeft | StockDeleted):
            self.rows.pop(change.stock_id, None)
        else:
            self._row(change.stock_id).follow(change.stock)

    def _take_heartbeat(self, heartbeat: Heartbeat) -> None:
        """Take over the feed, and the windows where the counts leave no doubt which ones are meant."""
        self.feed = heartbeat.feed
        if heartbeat.closed_stocks == 0:
            for row in self.rows.values():
                row.open_now, row.next_open = True, None
        elif heartbeat.open_stocks == 0:
            for row in self.rows.values():
                row.open_now = False
                row.next_open = row.next_open or _instant(heartbeat.next_open_time)


def _instant(moment: datetime | None) -> int | None:
    return None if moment is None else nanoseconds_of(moment)
