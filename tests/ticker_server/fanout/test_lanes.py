"""Lanes: one beat for the stocks of one frequency."""

from __future__ import annotations

import pytest
from ticker.v1 import watch_service_pb2

from tests.support.fanout_rig import SECOND, FanoutRig, accepted
from ticker_server.fanout.following import Following
from ticker_server.fanout.lanes import AllStocksLane, Beat, ListedLane
from ticker_server.fanout.message import Message
from ticker_server.fanout.registry import ALWAYS
from ticker_server.model.beat import phase_of

PHASE = phase_of("ana", 10 * SECOND)


class Watcher:
    """A watch that does nothing when it is to pull."""

    def pull(self) -> None:
        """Do nothing."""


class Bench:
    """One lane of 5 s, and what it marked due."""

    def __init__(self, rig: FanoutRig, kind: type[ListedLane], *stock_ids: str) -> None:
        self.rig = rig
        self.due: list[ListedLane] = []
        self.lane = kind(Watcher(), 5 * SECOND, "ana", rig.station, self.due)
        for stock_id in stock_ids:
            self.follow(stock_id)

    def follow(self, stock_id: str) -> Following:
        """Follow a stock whose snapshot has left."""
        following = Following(self.rig.hub.quote(stock_id), 5 * SECOND, ALWAYS)
        following.is_open = following.is_live = True
        self.lane.followings[stock_id] = following
        return following

    def beat(self, message: Message | None = None) -> list[tuple[str, int]]:
        """Wait for the next beat and return stock and number of what the lane offers."""
        self.rig.clock.advance(5)
        assert [self.lane] == self.due
        message = message or message_now(self.rig)
        if self.lane.take(message):
            self.due.clear()
        return told(message)


def message_now(rig: FanoutRig) -> Message:
    """Return an empty message of this moment."""
    return Message(rig.clock.monotonic(), rig.clock.wall())


def told(message: Message) -> list[tuple[str, int]]:
    """Return stock and number of each update."""
    updates = watch_service_pb2.WatchStocksResponse.FromString(b"".join(message.parts)).updates
    return [(update.stock_id, update.tick_number) for update in updates]


def full_after(rig: FanoutRig, updates: int) -> Message:
    """Return a message with room for so many updates."""
    message = message_now(rig)
    spare = len(accepted_part(rig)) * updates
    while message.offer(b"x" * 10_000):
        pass
    while message.offer(b"x"):
        pass
    message.parts.clear()
    message._size -= spare
    return message


def accepted_part(rig: FanoutRig) -> bytes:
    """Return the bytes of one update of the rig's present time."""
    message = message_now(rig)
    following = Following(rig.hub.quote("SIZE"), 1, ALWAYS)
    message.offer_live(following, accepted("A", 1, 1, at=rig.clock.wall()))
    return message.parts[-1]


@pytest.mark.parametrize(
    ("wall", "monotonic", "last_sent", "expected"),
    [
        (PHASE, 0, None, 10),
        (PHASE - SECOND, 0, None, 1),
        (PHASE, 1000, 1000, 1010),
        # Sent late: the next grid beat would be too soon, and then the grid is met again.
        (PHASE + 4 * SECOND, 1004, 1004, 1013),
        (PHASE + 9 * SECOND, 1009, 1009, 1018),
        (PHASE + 1 * SECOND, 1001, 1001, 1010),
    ],
)
def test_beat_is_the_later_of_grid_and_spacing(wall: int, monotonic: int, last_sent: int | None, expected: int) -> None:
    """The next beat is on the grid, or 0.9 x frequency after the last update if that is later."""
    beat = Beat(10 * SECOND, "ana")
    if last_sent is not None:
        beat.note_sent(last_sent * SECOND)

    assert expected * SECOND == beat.next_deadline(monotonic * SECOND, 100 * SECOND + wall)


def test_late_beats_come_back_to_the_grid() -> None:
    """After a late update each distance is 0.9 to 1 frequency until the grid is met."""
    beat, frequency = Beat(10 * SECOND, "ana"), 10 * SECOND
    now = PHASE + 9 * SECOND
    distances = []
    for _ in range(12):
        beat.note_sent(now)
        due = beat.next_deadline(now, now)
        distances.append(due - now)
        now = due

    assert (now - PHASE) % frequency == 0
    assert all(9 * SECOND <= distance <= 10 * SECOND for distance in distances)
    assert distances[-1] == frequency


def test_each_changed_stock_is_offered_once() -> None:
    """At a beat the newest of what changed since the last one is offered, and nothing else."""
    rig = FanoutRig("A", "B", "C")
    bench = Bench(rig, ListedLane, "A", "B", "C")
    rig.tick("A", "A", "C")

    assert bench.beat() == [("A", 2), ("C", 1)]
    assert bench.beat() == []
    rig.tick("B")
    assert bench.beat() == [("B", 1)]


def test_lane_is_due_on_the_grid_of_its_identity() -> None:
    """A lane's first beat is the first one on the grid."""
    rig = FanoutRig("A")
    bench = Bench(rig, ListedLane, "A")
    wait = 5 * SECOND - (rig.clock.wall() - phase_of("ana", 5 * SECOND)) % (5 * SECOND)
    rig.clock.advance_ns(wait - 1)
    assert not bench.due
    rig.clock.advance_ns(1_000_000)

    assert [bench.lane] == bench.due


def test_full_message_leaves_the_rest_due() -> None:
    """What a full message refuses stays due; it is offered with its newest tick, and nothing twice in one beat."""
    rig = FanoutRig("A", "B", "C", "D")
    bench = Bench(rig, ListedLane, "A", "B", "C", "D")
    rig.tick("A", "B", "C", "D")
    rig.clock.advance(5)
    first = full_after(rig, 2)

    assert not bench.lane.take(first)
    assert told(first) == [("A", 1), ("B", 1)]
    rig.tick("A", "C")
    second = message_now(rig)
    assert bench.lane.take(second)
    assert told(second) == [("C", 2), ("D", 1)]
    bench.due.clear()
    assert bench.beat() == [("A", 2)]


def test_late_beat_puts_off_the_next_one() -> None:
    """A lane that was taken late has its next beat 0.9 x frequency after it, unless nothing was sent."""
    rig = FanoutRig("A")
    bench = Bench(rig, ListedLane, "A")
    for ticks, distance in ((["A"], 4.5), ([], 1)):
        rig.tick(*ticks)
        rig.clock.advance(5)
        grid = (rig.clock.wall() - phase_of("ana", 5 * SECOND)) % (5 * SECOND)
        rig.clock.advance_ns(4 * SECOND - grid)
        assert bench.lane.take(message_now(rig))
        bench.due.clear()
        rig.clock.advance(distance - 0.01)
        assert not bench.due
        rig.clock.advance(0.012)
        assert bench.due == [bench.lane]


def test_stock_that_left_meanwhile_is_not_offered() -> None:
    """What a full message refused is not sent after all if the stock is followed no longer."""
    rig = FanoutRig("A", "B")
    bench = Bench(rig, ListedLane, "A", "B")
    rig.tick("A", "B")
    rig.clock.advance(5)
    assert not bench.lane.take(full_after(rig, 1))
    bench.lane.followings.pop("B").is_live = False
    message = message_now(rig)

    assert bench.lane.take(message)
    assert told(message) == []


def test_lane_of_all_stocks_asks_the_hub_what_changed() -> None:
    """A lane of all stocks offers what ticked since its last beat, if it follows it."""
    rig = FanoutRig("A", "B", "C")
    rig.tick("A", "B", "C")
    bench = Bench(rig, AllStocksLane, "A", "B")
    rig.tick("C", "B", "A", "B")

    assert bench.beat() == [("A", 2), ("B", 3)]
    assert bench.lane._candidates() == []
    assert bench.beat() == []


def test_closed_lane_is_never_due() -> None:
    """A lane that was closed leaves the scheduler."""
    rig = FanoutRig("A")
    bench = Bench(rig, ListedLane, "A")
    bench.lane.close()
    rig.clock.advance(10)

    assert not bench.due
    assert len(rig.scheduler) == 0
