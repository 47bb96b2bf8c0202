"""What a watch tells, event by event.

* Opened          the watch exists: what it follows, and what it refused
* Update          a price
* Gap             ticks that this reader will not get, and why
* StockJoined, StockChanged, StockLeft, StockDeleted: what the watch follows has changed
* CaughtUp        every stock's state has been told; what comes is live
* FeedChanged     the server hears the price log again, or no longer
* Heartbeat       the watch is alive
* GoAway          the server is about to end the stream, and says why
* Disconnected    the stream broke; the watch is coming back by itself
* Reconnected     the watch is live again, and what came meanwhile has been told
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from ticker.v1 import tick_pb2

from ticker_client.instants import datetime_of
from ticker_client.reasons import FeedState, GapReason, GoAwayReason, LagPolicy, UpdateKind
from ticker_client.ticks import StockPrice

__all__ = [
    "CaughtUp",
    "Disconnected",
    "Event",
    "FeedChanged",
    "FeedState",
    "Gap",
    "GapReason",
    "GoAway",
    "GoAwayReason",
    "Heartbeat",
    "LagPolicy",
    "Opened",
    "Reconnected",
    "Refusal",
    "StockChanged",
    "StockDeleted",
    "StockJoined",
    "StockLeft",
    "Update",
    "UpdateKind",
    "WatchedStock",
]


class Update(StockPrice):
    """A price on a watch; fields are decoded when they are read."""

    __slots__ = ("_kind", "_sent_time_ns", "_superseded")

    def __init__(
        self, message: tick_pb2.StockUpdate, kind: UpdateKind, superseded: int = 0, sent_time_ns: int = 0
    ) -> None:
        super().__init__(message)
        self._kind = kind
        self._superseded = superseded
        self._sent_time_ns = sent_time_ns

    @property
    def kind(self) -> UpdateKind:
        """Why it is told."""
        return self._kind

    @property
    def superseded(self) -> int:
        """How many ticks of the stock this one replaced for this reader, since the update before; 0 at a SNAPSHOT."""
        return self._superseded

    @property
    def sent_time_ns(self) -> int:
        """When the server sent it, in nanoseconds since the epoch of the server's clock."""
        return self._sent_time_ns

    @property
    def sent_time(self) -> datetime:
        """When the server sent it, in UTC, cut to microseconds."""
        return datetime_of(self._sent_time_ns)

    def replacing(self, older: Update, *, superseded: int) -> Update:
        """Return this update for a reader who will not see an older one; in place of a SNAPSHOT it is the SNAPSHOT."""
        if UpdateKind.SNAPSHOT in {self._kind, older.kind}:
            return Update(self._message, UpdateKind.SNAPSHOT, 0, self._sent_time_ns)
        return Update(self._message, self._kind, superseded, self._sent_time_ns)

    def _state(self) -> tuple[object, ...]:
        return (self._message, self._kind, self._superseded, self._sent_time_ns)


@dataclass(frozen=True, slots=True)
class Gap:
    """Ticks of a stock that this reader will not get."""

    stock_id: str
    first_missing_tick_number: int
    last_missing_tick_number: int
    """Both are 0 when it cannot be told."""
    reason: GapReason

    @property
    def missing(self) -> int | None:
        """How many ticks are missing; None when it cannot be told."""
        if not (self.first_missing_tick_number and self.last_missing_tick_number):
            return None
        return self.last_missing_tick_number - self.first_missing_tick_number + 1


@dataclass(frozen=True, slots=True)
class WatchedStock:
    """A stock as a watch follows it."""

    stock_id: str
    name: str
    currency: str
    """The currency of its prices, ISO 4217."""
    frequency: timedelta | None
    """Between updates; None with `every_tick`."""
    every_tick: bool
    open_now: bool
    """Whether updates leave at this moment."""
    next_open_time: datetime | None
    """The next opening of the subscription's window; None while it is open."""
    has_price: bool
    """Whether it has a price at all; then its snapshot follows."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A stock or user that the watch was asked for and does not follow."""

    stock_id: str
    user_id: str
    reason: str
    """Such as `STOCK_NOT_FOUND`."""
    message: str
    """What is wrong, for people."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The watch exists."""

    watch_id: str
    log_epoch: str
    """The identity of the price log; sequences compare only within one."""
    stocks: tuple[WatchedStock, ...]
    refusals: tuple[Refusal, ...]
    heartbeat_interval: timedelta
    lag_policy: LagPolicy | None
    """None when the watch has no every-tick stock."""
    server_version: str
    oldest_replay_time: datetime | None = None
    """The oldest accept time from which the server can replay; None if it cannot."""


@dataclass(frozen=True, slots=True)
class StockJoined:
    """The watch follows a further stock from now on; its snapshot follows, if it has a price."""

    stock: WatchedStock

    @property
    def stock_id(self) -> str:
        """The ticker symbol."""
        return self.stock.stock_id


@dataclass(frozen=True, slots=True)
class StockChanged:
    """The watch follows a stock in another way from now on; its snapshot follows, if it has a price."""

    stock: WatchedStock

    @property
    def stock_id(self) -> str:
        """The ticker symbol."""
        return self.stock.stock_id


@dataclass(frozen=True, slots=True)
class StockLeft:
    """The watch follows a stock no longer; no update of it comes after this."""

    stock_id: str


@dataclass(frozen=True, slots=True)
class StockDeleted:
    """A stock does not exist any longer; no update of it comes after this."""

    stock_id: str


@dataclass(frozen=True, slots=True)
class CaughtUp:
    """The state of every stock has been told; what comes from now on is live."""

    replayed_count: int = 0
    """How many ticks of the past came, because the watch was resumed or began in the past; without repeats."""


@dataclass(frozen=True, slots=True)
class FeedChanged:
    """The server's view of the price log has changed; a watch starts out with LIVE."""

    state: FeedState
    since: datetime | None
    """Since when, by the server's clock."""


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The watch is alive."""

    server_time: datetime
    next_within: timedelta
    """Longer silence than this is a fault."""
    read_through: datetime | None
    """Every tick accepted before this instant was delivered or superseded, or waits for its beat."""
    feed: FeedState
    feed_since: datetime | None
    """Since when the feed is in this state."""
    open_stocks: int
    """How many stocks are inside their windows."""
    closed_stocks: int
    """How many stocks are outside their windows."""
    next_open_time: datetime | None
    """When the first of the closed ones opens."""


@dataclass(frozen=True, slots=True)
class GoAway:
    """The server ends the stream after this, as planned; the watch comes back by itself, unless it was complete."""

    reason: GoAwayReason
    reconnect_after: timedelta
    """How long to wait before a new stream, drawn so that readers do not all come back at once."""


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The stream broke, and no prices come for now. The watch is coming back by itself; then it says Reconnected."""

    reason: str
    """The reason of the error, such as `HEARTBEAT_MISSED` or `WATCH_BROKEN`."""
    message: str
    """What happened, for people."""


@dataclass(frozen=True, slots=True)
class Reconnected:
    """The watch is live again after a break or a GoAway, and everything of the time between has been told before."""

    attempts: int
    """How many streams were tried, this one included."""
    downtime: timedelta
    """From the end of the last stream that was live until now."""
    reason: str
    """Why that one ended: the reason of an error, or of a GoAway."""
    replayed_count: int
    """How many ticks of the time between came; without repeats."""


Event = (
    CaughtUp
    | Disconnected
    | FeedChanged
    | Gap
    | GoAway
    | Heartbeat
    | Opened
    | Reconnected
    | StockChanged
    | StockDeleted
    | StockJoined
    | StockLeft
    | Update
)
