"""Hub, scheduler and registry on a virtual clock, with short ways to do what the feed and the catalog do to them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

from tests.support.recording_sink import RecordingSink
from tests.support.virtual_clock import VirtualClock
from ticker_server.fanout.following import Following
from ticker_server.fanout.hub import Hub
from ticker_server.fanout.lifetimes import Lifetimes
from ticker_server.fanout.pieces import LagPolicy, Opening, Refusal
from ticker_server.fanout.registry import ALWAYS, WatchRegistry
from ticker_server.fanout.rereading import Rereading
from ticker_server.fanout.scheduler import Scheduler
from ticker_server.fanout.station import Station
from ticker_server.fanout.watch import Watch
from ticker_server.model.change import Change, StockCreated, StockDeleted, SubscriptionChanged, SubscriptionRemoved
from ticker_server.model.feed_status import FeedState, FeedStatus
from ticker_server.model.schedule import Schedule, parse_window
from ticker_server.model.stock import Stock
from ticker_server.model.subscription import DEFAULT_FREQUENCY, Subscription
from ticker_server.model.tick import AcceptedTick

SECOND = 1_000_000_000
USER = "ana"


def schedule(time_zone: str, hours: str, *weekdays: int) -> Schedule:
    """Return the schedule of a window as people write it: `10:00-18:00`."""
    start, end = hours.split("-")
    return Schedule(time_zone, parse_window(start, end, weekdays))


def accepted(stock_id: str, sequence: int, tick_number: int, at: int = 0) -> AcceptedTick:
    """Return an accepted tick; its price tells its sequence."""
    return AcceptedTick(stock_id, f"{sequence}.5", "100", at, at, sequence, tick_number)


class FanoutRig:
    """A gateway's fan-out without feed, catalog and transport. `revision` and `sequence` are the last ones used.

    `ticks` are all that were published, by stock, in the order of their tick numbers; `listed` are the stocks that
    exist, each with the sequence through which its prices are hidden.
    """

    def __init__(
        self,
        *stock_ids: str,
        start: str = "2026-03-02T12:00:00+00:00",
        pending_limit: int = 10_000,
        kept: int = 1_000_000,
        lifetimes: Lifetimes | None = None,
        hub: Hub | None = None,
        clock: VirtualClock | None = None,
    ) -> None:
        self.clock = clock or VirtualClock(start)
        self.hub = hub or Hub(kept=kept)
        self.scheduler = Scheduler(self.clock)
        self.registry = WatchRegistry(self.hub)
        self.rereadings: list[Rereading] = []
        """What watches want of the log, until `reread`."""
        self.station = Station(
            self.hub,
            self.scheduler,
            self.clock,
            self.feed_status,
            pending_limit,
            self.rereadings.append,
            lifetimes or Lifetimes(),
        )
        self.read_through: int | None = None
        self.sequence = 0
        self.revision = 0
        self.ticks: dict[str, list[AcceptedTick]] = {}
        self.listed: dict[str, int] = {}
        self._deleted: set[str] = set()
        self._watch_ids = count(1)
        self.create(*stock_ids)

    def feed_status(self) -> FeedStatus:
        """Return a feed that has read everything, unless it is set back."""
        read_through = self.clock.wall() if self.read_through is None else self.read_through
        return FeedStatus(FeedState.LIVE, since=SECOND, read_through=read_through)

    def price(self, stock_id: str) -> AcceptedTick | None:
        """Return the newest price of a stock that may be shown, worked out apart from the hub."""
        ticks = self.ticks.get(stock_id)
        if stock_id not in self.listed or not ticks or ticks[-1].sequence <= self.listed[stock_id]:
            return None
        return ticks[-1]

    # What the feed does.

    def tick(self, *stock_ids: str) -> list[AcceptedTick]:
        """Publish one tick of each stock as one batch, and let those that got any pull."""
        ticks = []
        for stock_id in stock_ids:
            self.sequence += 1
            history = self.ticks.setdefault(stock_id, [])
            history.append(accepted(stock_id, self.sequence, len(history) + 1, self.clock.wall()))
            ticks.append(history[-1])
        for watch in self.hub.publish(ticks):
            watch.pull()
        return ticks

    def reread(self, begins: int | None = None, *, at_a_time: int = 500) -> None:
        """Fill what watches want of the log, which begins above a sequence; None = where memory begins.

        It hands out so many ticks at a time, to whoever has room.
        """
        begins = self.hub.recent.floor(0) if begins is None else begins
        ticks = self.log_ticks()
        last = ticks[-1].sequence if ticks else 0
        for rereading in list(self.rereadings):
            rereading.begin(begins)
        while wanted := [each for each in self.rereadings if not each.closed and each.has_room]:
            for rereading in wanted:
                batch = [tick for tick in ticks if tick.sequence > rereading.position][:at_a_time]
                end = batch[-1].sequence if batch else last
                rereading.take([tick for tick in batch if tick.stock_id in set(rereading.stock_ids)], end)
        self.rereadings[:] = [each for each in self.rereadings if not each.closed]

    def log_ticks(self) -> Sequence[AcceptedTick]:
        """Return the ticks of the log, in its order."""
        return sorted((tick for ticks in self.ticks.values() for tick in ticks), key=lambda tick: tick.sequence)

    # What the catalog does.

    def create(self, *stock_ids: str) -> None:
        """Create stocks, or create them again."""
        for stock_id in stock_ids:
            former = self.ticks.get(stock_id, []) if stock_id in self._deleted else []
            self.listed[stock_id] = former[-1].sequence if former else 0
            stock = Stock(stock_id, f"{stock_id} Inc.", "USD", self.clock.wall(), self.listed[stock_id])
            self.apply(StockCreated(stock, self.next_revision()))

    def delete(self, stock_id: str) -> None:
        """Delete a stock."""
        del self.listed[stock_id]
        self._deleted.add(stock_id)
        self.apply(StockDeleted(stock_id, self.next_revision()))

    def subscribe(
        self, stock_id: str, cadence: int = DEFAULT_FREQUENCY, hours: Schedule = ALWAYS, *, user_id: str = USER
    ) -> None:
        """Add or replace a subscription and tell the open watches."""
        self.apply(SubscriptionChanged(self.subscription(stock_id, cadence, hours, user_id=user_id)))

    def unsubscribe(self, stock_id: str, *, user_id: str = USER) -> None:
        """Remove a subscription and tell the open watches."""
        self.apply(SubscriptionRemoved(user_id, stock_id, self.next_revision()))

    def apply(self, *changes: Change) -> None:
        """Apply changes as the outbox relay does."""
        self.registry.apply(changes)

    def next_revision(self) -> int:
        """Return a new revision."""
        self.revision += 1
        return self.revision

    def subscription(
        self, stock_id: str, cadence: int = DEFAULT_FREQUENCY, hours: Schedule = ALWAYS, *, user_id: str = USER
    ) -> Subscription:
        """Return a stored subscription with a new revision."""
        return Subscription(user_id, stock_id, cadence, hours, self.next_revision(), 0, 0)

    # What a caller does.

    def watch(
        self,
        *stock_ids: str,
        cadence: int = DEFAULT_FREQUENCY,
        sink: RecordingSink | None = None,
        lag_policy: LagPolicy = LagPolicy.CONFLATE,
        refusals: Sequence[Refusal] = (),
    ) -> RecordingSink:
        """Watch stocks ad hoc."""
        watch, sink = self.register(sink, lag_policy=lag_policy, refusals=refusals)
        self.registry.begin(watch, [Following(self.hub.quote(stock_id), cadence, ALWAYS) for stock_id in stock_ids])
        return sink

    def watch_all(self, cadence: int = DEFAULT_FREQUENCY, sink: RecordingSink | None = None) -> RecordingSink:
        """Watch `"*"`."""
        watch, sink = self.register(sink, all_stocks_cadence=cadence)
        quotes = sorted(self.hub.listed(), key=lambda quote: quote.stock_id)
        self.registry.begin(watch, [Following(quote, cadence, ALWAYS) for quote in quotes])
        return sink

    def watch_user(
        self,
        *subscriptions: Subscription,
        sink: RecordingSink | None = None,
        lag_policy: LagPolicy = LagPolicy.CONFLATE,
    ) -> RecordingSink:
        """Watch the saved stocks of a user."""
        watch, sink = self.register(sink, user_id=USER, lag_policy=lag_policy)
        self.registry.begin(watch, [self.registry.following(subscription) for subscription in subscriptions])
        return sink

    def register(
        self,
        sink: RecordingSink | None = None,
        *,
        user_id: str = "",
        all_stocks_cadence: int | None = None,
        lag_policy: LagPolicy = LagPolicy.CONFLATE,
        refusals: Sequence[Refusal] = (),
        end_time: int | None = None,
    ) -> tuple[Watch, RecordingSink]:
        """Register a watch that has yet to begin."""
        sink = sink or RecordingSink()
        opening = Opening(
            watch_id=f"watch-{next(self._watch_ids)}",
            log_epoch="epoch",
            heartbeat_interval=5 * SECOND,
            lag_policy=lag_policy,
            server_version="1",
            refusals=refusals,
            end_time=end_time,
        )
        watch = Watch(
            self.station,
            opening,
            sink,
            user_id=user_id,
            all_stocks_cadence=all_stocks_cadence,
            on_close=self.registry.remove,
        )
        self.registry.register(watch)
        return watch, sink
