"""The intake of a watch: messages go into the buffer in order, accounted for."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ticker.v1 import watch_service_pb2 as wire
from ticker.v1.watch_service_pb2 import WatchStocksResponse

from tests.ticker_client.messages import (
    REPLAY,
    SENT_TIME,
    SNAPSHOT,
    caught_up,
    change,
    gap,
    go_away,
    heartbeat,
    opened,
    stock_update,
    updates,
    watched,
)
from ticker_client.buffer import EventBuffer
from ticker_client.continuity import Continuity
from ticker_client.events import (
    CaughtUp,
    Event,
    FeedChanged,
    FeedState,
    Gap,
    GapReason,
    GoAway,
    Heartbeat,
    LagPolicy,
    Opened,
    StockChanged,
    StockLeft,
    Update,
)
from ticker_client.intake import Intake


class Taken:
    """An intake with its buffer, and what has come out of it."""

    def __init__(self, *messages: WatchStocksResponse) -> None:
        self._buffer = EventBuffer(capacity=100, lag_policy=LagPolicy.CONFLATE)
        self.intake = Intake(self._buffer, Continuity(every_tick=False))
        self.events: list[Event] = []
        self.take(*messages)

    def take(self, *messages: WatchStocksResponse) -> None:
        """Take messages, and everything out of the buffer."""
        for message in messages:
            self.intake.take(message)
            while (event := self._buffer.take()) is not None:
                self.events.append(event)

    def kinds(self) -> list[type]:
        """Return the types of all events."""
        return [type(event) for event in self.events]


def test_a_message_with_everything_is_taken_in_the_order_of_the_wire() -> None:
    """What stands in one message comes out as opened, changes, gaps, updates, caught_up, heartbeat, go_away."""
    message = WatchStocksResponse()
    for part in (
        go_away(),
        heartbeat(feed=wire.FEED_STATE_STALE),
        caught_up(),
        updates(stock_update("AAPL", 9), kind=SNAPSHOT),
        gap("MSFT", 3, 4, wire.GAP_REASON_OUTSIDE_WINDOW),
        change(wire.CHANGE_KIND_CHANGED, watched("AAPL")),
        opened(watched("AAPL"), watched("MSFT", every_tick=True)),
    ):
        message.MergeFrom(part)

    expected = [Opened, StockChanged, Gap, Update, CaughtUp, FeedChanged, Heartbeat, GoAway]
    assert Taken(message).kinds() == expected


def test_opened_in_several_messages_is_one() -> None:
    """Further stocks of a second `opened` are added to those of the first, in the same log; each message is an event."""
    taken = Taken(opened(watched("AAPL")), opened(watched("MSFT"), log_epoch=""))

    assert taken.intake.opened is not None
    assert [stock.stock_id for stock in taken.intake.opened.stocks] == ["AAPL", "MSFT"]
    assert taken.kinds() == [Opened, Opened]
    assert {event.log_epoch for event in taken.events if isinstance(event, Opened)} == {"e-1"}
    assert taken.intake.resume().log_epoch == "e-1"


def test_each_stock_is_accounted_for_by_its_own_cadence() -> None:
    """A jump is a gap for a stock with every tick and superseded ticks for one with a frequency, on the same watch."""
    taken = Taken(
        opened(watched("AAPL", every_tick=True), watched("MSFT")),
        updates(stock_update("AAPL", 1), stock_update("MSFT", 1), kind=SNAPSHOT),
        updates(stock_update("AAPL", 4), stock_update("MSFT", 4)),
    )

    told = [(event.stock_id, event.superseded) if isinstance(event, Update) else event for event in taken.events[3:]]
    assert told == [Gap("AAPL", 2, 3, GapReason.UNEXPLAINED), ("AAPL", 0), ("MSFT", 2)]


def test_an_update_knows_when_it_was_sent() -> None:
    """An update carries the time at which its message was sent."""
    taken = Taken(updates(stock_update("AAPL", 1)))

    (update,) = taken.events
    assert isinstance(update, Update)
    assert update.sent_time_ns == SENT_TIME * 10**9


def test_a_repeat_is_dropped_and_counted() -> None:
    """An update that was seen before is no event; it is counted."""
    taken = Taken(updates(stock_update("AAPL", 1)), updates(stock_update("AAPL", 1)))

    assert (len(taken.events), taken.intake.dropped) == (1, 1)


def test_what_a_gap_does_not_explain_is_told_before_it() -> None:
    """Ticks between the last one and a gap of the server are a gap UNEXPLAINED before it."""
    taken = Taken(
        opened(watched("AAPL", every_tick=True)),
        updates(stock_update("AAPL", 1), kind=SNAPSHOT),
        gap("AAPL", 4, 6, wire.GAP_REASON_READER_LAGGED),
    )

    assert taken.events[2:] == [
        Gap("AAPL", 2, 3, GapReason.UNEXPLAINED),
        Gap("AAPL", 4, 6, GapReason.READER_LAGGED),
    ]


@pytest.mark.parametrize("kind", [wire.CHANGE_KIND_LEFT, wire.CHANGE_KIND_STOCK_DELETED])
def test_a_stock_that_left_may_come_back_with_other_numbers(kind: wire.ChangeKind.ValueType) -> None:
    """After a stock has left or was deleted, its first update is no gap, whatever its number."""
    taken = Taken(
        opened(watched("AAPL", every_tick=True)),
        updates(stock_update("AAPL", 1), kind=SNAPSHOT),
        change(kind, watched("AAPL")),
        change(wire.CHANGE_KIND_JOINED, watched("AAPL", every_tick=True, has_price=False)),
        updates(stock_update("AAPL", 8)),
    )

    assert Gap not in taken.kinds()


def test_a_change_that_means_nothing_here_is_no_event() -> None:
    """A change of users is passed over."""
    assert Taken(change(wire.CHANGE_KIND_USER_LEFT, watched("AAPL"))).events == []


def test_the_feed_is_told_when_it_changes() -> None:
    """A watch starts out with a LIVE feed; FeedChanged comes with the first heartbeat that says something else."""
    states = [wire.FEED_STATE_LIVE, wire.FEED_STATE_DOWN, wire.FEED_STATE_DOWN, wire.FEED_STATE_LIVE]
    taken = Taken(*(heartbeat(feed=state) for state in states))

    assert [event.state for event in taken.events if isinstance(event, FeedChanged)] == [FeedState.DOWN, FeedState.LIVE]


def test_the_promise_is_that_of_the_last_heartbeat() -> None:
    """Nothing is promised before `opened`, then three intervals, then what the last heartbeat says, if it says any."""
    taken = Taken()
    promises = [taken.intake.next_within]
    for message in (
        opened(heartbeat=timedelta(seconds=2)),
        heartbeat(next_within=timedelta(seconds=9)),
        heartbeat(next_within=timedelta()),
    ):
        taken.take(message)
        promises.append(taken.intake.next_within)

    assert [promise.total_seconds() for promise in promises] == [0, 6, 9, 9]


def test_caught_up_and_go_away_are_remembered() -> None:
    """The intake knows whether the watch has caught up, and that it was told to go."""
    taken = Taken(change(wire.CHANGE_KIND_LEFT, watched("AAPL")))
    before = (taken.intake.caught_up, taken.intake.go_away)
    taken.take(caught_up(), go_away())

    assert before == (False, None)
    assert (taken.intake.caught_up, taken.intake.go_away) == (True, taken.events[-1])
    assert taken.events[0] == StockLeft("AAPL")


def _messages_after(position: int | None, newest: int, oldest: int, *, every_tick: bool) -> list[WatchStocksResponse]:
    """Return what a server sends to a reader at a tick number, 0 = before the first, whose log begins at `oldest`."""
    messages = [opened(watched("AAPL", every_tick=every_tick, has_price=newest > 0))]
    if position is None and newest:
        messages.append(updates(stock_update("AAPL", newest), kind=SNAPSHOT))
    elif position is not None:
        if oldest > position + 1:
            messages.append(gap("AAPL", position + 1, oldest - 1, wire.GAP_REASON_LOG_TRUNCATED))
        first = max(position + 1, oldest if every_tick else newest)
        messages += [updates(stock_update("AAPL", number), kind=REPLAY) for number in range(first, newest + 1)]
    return [*messages, caught_up(), updates(stock_update("AAPL", newest + 1))]


@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6), st.integers(0, 9)), max_size=12),
    st.integers(0, 1),
    st.booleans(),
)
def test_every_tick_is_told_once_across_any_cuts(
    streams: list[tuple[int, int, int]],
    newest: int,
    every_tick: bool,  # noqa: FBT001 - drawn
) -> None:
    """However often streams are cut, and the log truncated: each tick is delivered, superseded or in one gap.

    The stock may have no price at first, and get it while the reader is away.
    """
    buffer = EventBuffer(capacity=10_000, lag_policy=LagPolicy.CONFLATE)
    intake = Intake(buffer, Continuity(every_tick=every_tick))
    accounted: list[int] = []
    oldest = 1
    for cut, more, truncated in [(99 if newest else 1, 0, 0), *streams, (99, 0, 0)]:
        newest, oldest = newest + more, max(1, min(newest + more, oldest + truncated))
        positions = intake.resume().positions
        intake.begin()
        position = positions[0].tick_number if positions else None
        for message in _messages_after(position, newest, oldest, every_tick=every_tick)[:cut]:
            intake.take(message)
            while (event := buffer.take()) is not None:
                if isinstance(event, Update):
                    accounted += range(event.tick_number - event.superseded, event.tick_number + 1)
                elif isinstance(event, Gap):
                    accounted += range(event.first_missing_tick_number, event.last_missing_tick_number + 1)
        newest += 1

    assert accounted == list(range(1, accounted[-1] + 1))
    assert accounted[-1] == newest
