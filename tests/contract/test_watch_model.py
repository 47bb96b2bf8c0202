"""A watch against a small model of its reader: whatever happens in whatever order, the stream keeps its promises."""

from __future__ import annotations

from dataclasses import dataclass, field

from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from ticker.v1 import watch_service_pb2 as wire

from tests.support.fanout_rig import SECOND, USER, FanoutRig, schedule
from tests.support.recording_sink import RecordingSink
from ticker_server.errors import ReaderTooSlow, UserNotFound
from ticker_server.fanout.pieces import LagPolicy
from ticker_server.fanout.registry import ALWAYS
from ticker_server.model.change import UserDeleted
from ticker_server.model.schedule import Schedule
from ticker_server.model.subscription import EVERY_TICK

STOCKS = ("A", "B", "C", "D")
CADENCES = (EVERY_TICK, SECOND // 10, SECOND, 5 * SECOND)
SCHEDULES = (
    ALWAYS,
    schedule("UTC", "11:59-12:01"),
    schedule("UTC", "12:01-12:02"),
    schedule("Europe/Berlin", "13:02-13:00"),
)
TICKS = st.lists(st.sampled_from(STOCKS), min_size=1, max_size=10)
SECONDS = st.sampled_from([0.001, 0.05, 0.1, 0.4, 1, 2.5, 5, 20, 61])
PENDING_LIMIT = 6
SLOT = SECOND // 1000  # what is due is due at the end of its millisecond
HEARTBEAT = 5 * SECOND


def ns(moment: Timestamp) -> int:
    """Return a timestamp as nanoseconds since the epoch."""
    return moment.seconds * SECOND + moment.nanos


@dataclass
class Held:
    """What the reader holds of one stock; `number` None until the first update, which sets the count."""

    cadence: int
    hours: Schedule
    since: int
    wants_snapshot: bool
    sequence: int = 0
    number: int | None = None
    live_at: int | None = None


@dataclass
class Model:
    """What a reader may believe: it knows the truth of the catalog and the log, and of the watch only its messages."""

    rig: FanoutRig
    all_cadence: int | None
    wishes: dict[str, tuple[int, Schedule]] = field(default_factory=dict)
    held: dict[str, Held] = field(default_factory=dict)
    caught_up: bool = False
    opened: bool = False
    heartbeat_at: int = 0
    went_away: bool = False

    def newest(self, stock_id: str) -> int:
        """Return the sequence of the newest price that exists of a stock, 0 if there is none."""
        price = self.rig.price(stock_id)
        return price.sequence if price is not None else 0

    def read(self, message: wire.WatchStocksResponse) -> None:
        """Take one message and check it against all that came before."""
        now = ns(message.sent_time)
        assert now == self.rig.clock.wall()
        assert not self.went_away
        assert self.opened or message.HasField("opened")
        assert bool(message.updates) == (message.kind != wire.UPDATE_KIND_UNSPECIFIED)
        assert self.caught_up or message.kind != wire.UPDATE_KIND_LIVE
        self.opened = True
        for stock in message.opened.stocks:
            self._come(stock, now)
        for change in message.changes:
            if change.HasField("stock"):
                assert change.kind in (wire.CHANGE_KIND_JOINED, wire.CHANGE_KIND_CHANGED)
                assert (change.stock_id in self.held) == (change.kind == wire.CHANGE_KIND_CHANGED)
                self._come(change.stock, now)
                held = self.held[change.stock_id]
                assert (held.cadence, held.hours) == self.wishes[change.stock_id]
            else:
                del self.held[change.stock_id]
        for gap in message.gaps:
            self._miss(gap, now)
        for update in message.updates:
            self._update(update, message.kind, now)
        if message.HasField("caught_up"):
            assert not self.caught_up
            self.caught_up = True
        if message.HasField("heartbeat"):
            self._heartbeat(message.heartbeat, now)
        self.went_away = message.HasField("go_away")

    def _come(self, stock: wire.WatchedStock, now: int) -> None:
        cadence = EVERY_TICK if stock.every_tick else stock.frequency.seconds * SECOND + stock.frequency.nanos
        hours = self.wishes[stock.stock_id][1] if stock.stock_id in self.wishes else ALWAYS
        self.held[stock.stock_id] = Held(cadence, hours, now, wants_snapshot=True)

    def _miss(self, gap: wire.Gap, now: int) -> None:
        held = self.held[gap.stock_id]
        if gap.reason == wire.GAP_REASON_LOG_TRUNCATED:
            self._miss_former_life(gap, held)
            return
        assert held.cadence == EVERY_TICK
        if held.number is not None:
            assert gap.first_missing_tick_number == held.number + 1
        assert gap.first_missing_tick_number <= gap.last_missing_tick_number
        if gap.reason == wire.GAP_REASON_OUTSIDE_WINDOW:
            missing = self.rig.ticks[gap.stock_id][gap.first_missing_tick_number - 1 : gap.last_missing_tick_number]
            assert all(self._was_closed(held.hours, tick.accept_time, now) for tick in missing)
        else:
            assert gap.reason == wire.GAP_REASON_READER_LAGGED
        held.number = gap.last_missing_tick_number

    def _miss_former_life(self, gap: wire.Gap, held: Held) -> None:
        former = self.rig.ticks[gap.stock_id][gap.first_missing_tick_number - 1 : gap.last_missing_tick_number]
        assert gap.first_missing_tick_number == 1
        assert held.wants_snapshot
        assert former[-1].sequence == self.rig.listed[gap.stock_id]
        held.wants_snapshot = False
        held.number = gap.last_missing_tick_number

    def _was_closed(self, hours: Schedule, begin: int, end: int) -> bool:
        closing = hours.next_change(begin)
        return not hours.is_open(begin) or (closing is not None and closing <= end)

    def _update(self, update: wire.tick__pb2.StockUpdate, kind: int, now: int) -> None:
        held = self.held[update.stock_id]
        assert update.price == f"{update.sequence}.5"
        if kind == wire.UPDATE_KIND_SNAPSHOT:
            assert held.wants_snapshot
            assert update.sequence == self.newest(update.stock_id)
            held.wants_snapshot = False
        else:
            assert held.hours.is_open(now)
            assert update.sequence > held.sequence
            assert update.sequence > self.rig.listed[update.stock_id]
            self._cadence(held, update, now)
            held.live_at = now
        held.sequence, held.number = update.sequence, update.tick_number

    def _cadence(self, held: Held, update: wire.tick__pb2.StockUpdate, now: int) -> None:
        if held.cadence == EVERY_TICK:
            assert held.number is None or update.tick_number == held.number + 1
            return
        assert update.sequence == self.newest(update.stock_id)
        if held.live_at is not None:
            assert now - held.live_at >= held.cadence * 9 // 10

    def _heartbeat(self, heartbeat: wire.Heartbeat, now: int) -> None:
        self.heartbeat_at = now
        assert heartbeat.open_stocks + heartbeat.closed_stocks == len(self.held)
        assert heartbeat.closed_stocks == sum(not held.hours.is_open(now) for held in self.held.values())
        for stock_id, held in self.held.items():
            price = self.rig.price(stock_id)
            has_been_read = price is not None and price.accept_time < ns(heartbeat.read_through)
            if held.cadence == EVERY_TICK and held.hours.is_open(now) and has_been_read:
                assert held.sequence == price.sequence


class WatchMachine(RuleBasedStateMachine):
    """Drives one real watch with all that can happen to it."""

    @initialize(
        kind=st.sampled_from(["user", "all", "list"]),
        cadence=st.sampled_from(CADENCES),
        lag_policy=st.sampled_from([LagPolicy.CONFLATE, LagPolicy.DISCONNECT]),
        priced=st.sets(st.sampled_from(STOCKS)),
        saved=st.dictionaries(
            st.sampled_from(STOCKS[:3]), st.tuples(st.sampled_from(CADENCES), st.sampled_from(SCHEDULES))
        ),
        room=st.none() | st.integers(0, 2),
    )
    def open(
        self,
        kind: str,
        cadence: int,
        lag_policy: LagPolicy,
        priced: set[str],
        saved: dict[str, tuple[int, Schedule]],
        room: int | None,
    ) -> None:
        """Open a watch of one kind on stocks of which some have a price."""
        self.rig = FanoutRig(*STOCKS[:3], pending_limit=PENDING_LIMIT)
        self.rig.tick(*sorted(priced))
        self.model = Model(self.rig, cadence if kind == "all" else None)
        self.sink = RecordingSink(self.model.read)
        self.kind, self.lag_policy = kind, lag_policy
        self.deleted_user = self.left = False
        self.changed_at = dict.fromkeys(STOCKS, 0)
        self.writable_since: int | None = self.rig.clock.wall()
        if room is not None:
            self.sink.release(room)
            self.writable_since = None
        if kind == "user":
            self.model.wishes = dict(saved)
            stored = [self.rig.subscription(stock_id, *saved[stock_id]) for stock_id in saved]
            self.rig.watch_user(*stored, sink=self.sink, lag_policy=lag_policy)
        elif kind == "all":
            self.model.wishes = dict.fromkeys(STOCKS[:3], (cadence, ALWAYS))
            self.rig.watch_all(cadence, self.sink)
        else:
            self.model.wishes = dict.fromkeys(STOCKS[:2], (cadence, ALWAYS))
            self.rig.watch(*STOCKS[:2], cadence=cadence, sink=self.sink, lag_policy=lag_policy)

    @rule(stock_ids=TICKS)
    def tick(self, stock_ids: list[str]) -> None:
        """Ticks of some stocks come, of unknown ones too."""
        self.rig.tick(*stock_ids)

    @rule(seconds=SECONDS)
    def advance(self, seconds: float) -> None:
        """Time passes."""
        self.rig.clock.advance(seconds)

    @rule(stock_ids=TICKS, seconds=SECONDS)
    def run(self, stock_ids: list[str], seconds: float) -> None:
        """Ticks come, and time passes."""
        self.rig.tick(*stock_ids)
        self.rig.clock.advance(seconds)

    @rule(stock_ids=TICKS, seconds=SECONDS)
    def pause(self, stock_ids: list[str], seconds: float) -> None:
        """The reader reads nothing for a while, then all there is."""
        self.stall()
        self.run(stock_ids, seconds)
        self.release(None)

    @rule()
    def stall(self) -> None:
        """The reader stops reading."""
        self.sink.stall()
        self.writable_since = None

    @rule(messages=st.none() | st.integers(1, 2))
    def release(self, messages: int | None) -> None:
        """The reader reads all there is, or a message or two."""
        self.sink.release(messages)
        self.writable_since = self.rig.clock.wall() if messages is None else None

    @precondition(lambda self: self.kind == "user" and not self.deleted_user)
    @rule(stock_id=st.sampled_from(STOCKS), cadence=st.sampled_from(CADENCES), hours=st.sampled_from(SCHEDULES))
    def subscribe(self, stock_id: str, cadence: int, hours: Schedule) -> None:
        """The user adds a stock or changes it."""
        if stock_id in self.rig.listed:
            self.model.wishes[stock_id] = (cadence, hours)
            self.changed_at[stock_id] = self.rig.clock.wall()
            self.rig.subscribe(stock_id, cadence, hours)

    @precondition(lambda self: self.kind == "user" and not self.deleted_user)
    @rule(stock_id=st.sampled_from(STOCKS))
    def unsubscribe(self, stock_id: str) -> None:
        """The user removes a stock."""
        self.model.wishes.pop(stock_id, None)
        self.rig.unsubscribe(stock_id)

    @rule(stock_id=st.sampled_from(STOCKS), chance=st.integers(0, 4))
    def delete_or_create(self, stock_id: str, chance: int) -> None:
        """A stock is deleted, now and then, or created (again)."""
        self.changed_at[stock_id] = self.rig.clock.wall()
        if stock_id in self.rig.listed:
            if chance == 0:
                self.model.wishes.pop(stock_id, None)
                self.rig.delete(stock_id)
            return
        if self.model.all_cadence is not None:
            self.model.wishes[stock_id] = (self.model.all_cadence, ALWAYS)
        self.rig.create(stock_id)

    @precondition(lambda self: self.kind == "user")
    @rule(chance=st.integers(0, 9))
    def delete_user(self, chance: int) -> None:
        """The user is deleted, now and then."""
        if chance:
            return
        self.deleted_user = True
        self.model.wishes.clear()
        self.rig.apply(UserDeleted(USER, self.rig.next_revision()))

    @rule(chance=st.integers(0, 9))
    def drain(self, chance: int) -> None:
        """The server is about to stop, now and then."""
        if chance:
            return
        self.left = True
        self.rig.registry.drain(lambda: 3 * SECOND)

    @invariant()
    def is_timely(self) -> None:
        """A reader that reads has every tick at once, and each change within 2 x frequency."""
        if self.sink.ended:
            self._check_end()
            return
        if self.writable_since is None:
            return
        now = self.rig.clock.wall()
        assert self.model.caught_up
        assert not self.left
        assert not self.deleted_user
        assert set(self.model.held) == set(self.model.wishes)
        assert now - max(self.model.heartbeat_at, self.writable_since) <= HEARTBEAT + SLOT
        for stock_id, held in self.model.held.items():
            price = self.rig.price(stock_id)
            patience = 2 * held.cadence + SLOT
            settled = max(self.writable_since, self.changed_at[stock_id]) <= now - patience
            open_all_along = held.hours.is_open(now - patience) and held.hours.is_open(now)
            if price is not None and open_all_along and (settled or held.cadence == EVERY_TICK):
                assert held.sequence >= price.sequence or price.accept_time > now - patience

    def teardown(self) -> None:
        """In the end the reader reads, time passes, and it holds the newest of each open stock."""
        if not hasattr(self, "rig"):
            return
        self.release(None)
        for _ in range(3):
            self.rig.clock.advance(4)
            self.is_timely()
        if self.sink.ended:
            assert len(self.rig.scheduler) == 0
            return
        now = self.rig.clock.wall()
        for stock_id, held in self.model.held.items():
            if held.hours.is_open(now) and held.hours.is_open(now - 2 * held.cadence - SLOT):
                assert held.sequence >= self.model.newest(stock_id)

    def _check_end(self) -> None:
        if isinstance(self.sink.error, UserNotFound):
            assert self.deleted_user
            assert not self.model.held
        elif isinstance(self.sink.error, ReaderTooSlow):
            assert self.lag_policy is LagPolicy.DISCONNECT
        else:
            assert self.sink.error is None
            assert self.left
            assert self.model.went_away
        assert len(self.rig.registry) == 0
        assert not any(self.rig.hub.quote(stock_id).receivers for stock_id in STOCKS)


TestWatch = WatchMachine.TestCase
TestWatch.__doc__ = "A watch keeps the promises of its stream, whatever happens."
TestWatch.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
