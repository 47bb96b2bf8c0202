"""The buffer of a watch: the order of what is taken, what is folded, and its bound."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.ticker_client.messages import stock_update
from ticker_client.buffer import EventBuffer
from ticker_client.errors import ReaderTooSlow
from ticker_client.events import CaughtUp, Event, FeedChanged, Gap, Heartbeat, StockLeft, Update
from ticker_client.reasons import FeedState, GapReason, LagPolicy, UpdateKind

NOW = datetime(2026, 1, 5, tzinfo=UTC)


def update(stock_id: str, number: int, superseded: int = 0, kind: UpdateKind = UpdateKind.LIVE) -> Update:
    """Return an update with a tick number."""
    return Update(stock_update(stock_id, number), kind, superseded)


def snapshot(stock_id: str, number: int) -> Update:
    """Return a snapshot."""
    return update(stock_id, number, kind=UpdateKind.SNAPSHOT)


def heartbeat(open_stocks: int) -> Heartbeat:
    """Return a heartbeat that can be told from others by its count."""
    return Heartbeat(NOW, timedelta(seconds=15), NOW, FeedState.LIVE, NOW, open_stocks, 0, None)


def empty(capacity: int = 3, lag_policy: LagPolicy = LagPolicy.CONFLATE) -> EventBuffer:
    """Return a small buffer."""
    return EventBuffer(capacity=capacity, lag_policy=lag_policy)


def drained(buffer: EventBuffer) -> list[Event]:
    """Take everything."""
    events = []
    while (event := buffer.take()) is not None:
        events.append(event)
    return events


def test_the_past_has_to_wait_when_it_is_half_full() -> None:
    """The newest update of each stock does not count, because it always has a place; what is live never waits."""
    buffer, waits = empty(capacity=4), []
    buffer.is_past = True
    for number in range(1, 5):
        buffer.put_update(update("A", number), every_tick=True)
        buffer.put_update(update(f"B{number}", 1), every_tick=True)
        waits.append(buffer.holds_up_the_past)
    assert waits == [False, False, False, True]

    buffer.hurried = 1
    waits = [buffer.holds_up_the_past]
    buffer.hurried, buffer.is_past = 0, False
    assert [*waits, buffer.holds_up_the_past] == [False, False]


def test_the_past_is_not_folded() -> None:
    """What one message of the past has beyond the capacity is kept, unless nobody takes anything for now."""
    for hurried, kept in ((0, 10), (1, 1)):
        buffer = empty(capacity=4)
        buffer.is_past, buffer.hurried = True, hurried
        for number in range(1, 11):
            buffer.put_update(update("A", number), every_tick=True)
        buffer.put(CaughtUp(10))
        assert len([event for event in drained(buffer) if isinstance(event, Update)]) == kept


def test_events_come_out_as_they_went_in() -> None:
    """Events are taken in the order in which they were put; an empty buffer gives None."""
    buffer = empty()
    buffer.put_update(update("AAPL", 1), every_tick=True)
    buffer.put(CaughtUp())
    buffer.put_update(update("MSFT", 5), every_tick=False)

    assert drained(buffer) == [update("AAPL", 1), CaughtUp(), update("MSFT", 5)]
    assert buffer.take() is None


def test_with_a_frequency_a_newer_update_takes_the_place_of_the_older() -> None:
    """With a frequency the newest update stands where the first one stood, and counts what it replaced."""
    buffer = empty()
    buffer.put_update(update("AAPL", 1), every_tick=False)
    buffer.put_update(update("MSFT", 1), every_tick=False)
    buffer.put_update(update("AAPL", 4, superseded=2), every_tick=False)
    buffer.put_update(update("AAPL", 5), every_tick=False)

    assert drained(buffer) == [update("AAPL", 5, superseded=4), update("MSFT", 1)]


def test_in_place_of_a_snapshot_an_update_is_the_snapshot() -> None:
    """An update that replaces a snapshot that nobody saw is the snapshot: accounting starts with it."""
    buffer = empty()
    buffer.put_update(snapshot("AAPL", 4), every_tick=False)
    buffer.put_update(update("AAPL", 7, superseded=2), every_tick=False)

    assert drained(buffer) == [snapshot("AAPL", 7)]


def test_nothing_is_folded_across_a_change() -> None:
    """An update after a change of its stock does not move before it."""
    buffer = empty()
    buffer.put_update(update("AAPL", 1), every_tick=False)
    buffer.put(StockLeft("AAPL"))
    buffer.put_update(update("AAPL", 2), every_tick=False)

    assert drained(buffer) == [update("AAPL", 1), StockLeft("AAPL"), update("AAPL", 2)]


def test_only_the_newest_heartbeat_waits_and_it_waits_at_the_end() -> None:
    """A heartbeat replaces the one that waits, behind the updates that it speaks of; so does a change of the feed."""
    buffer = empty()
    buffer.put(heartbeat(1))
    buffer.put(FeedChanged(FeedState.STALE, NOW))
    buffer.put_update(update("AAPL", 1), every_tick=True)
    buffer.put(FeedChanged(FeedState.LIVE, NOW))
    buffer.put(heartbeat(2))

    assert drained(buffer) == [update("AAPL", 1), FeedChanged(FeedState.LIVE, NOW), heartbeat(2)]


def test_a_gap_comes_before_the_update_after_it() -> None:
    """A gap is taken before the update that came after it."""
    gap = Gap("AAPL", 2, 3, GapReason.READER_LAGGED)
    buffer = empty()
    buffer.put_update(update("AAPL", 1), every_tick=True)
    buffer.put_gap(gap)
    buffer.put_update(update("AAPL", 4), every_tick=True)

    assert drained(buffer) == [update("AAPL", 1), gap, update("AAPL", 4)]


def test_too_many_ticks_become_a_gap_and_the_newest() -> None:
    """Beyond the capacity there is one gap and one update per stock until the program has taken everything."""
    buffer = empty(capacity=3)
    for number in range(1, 7):
        buffer.put_update(update("AAPL", number), every_tick=True)
    buffer.put_update(update("MSFT", 1), every_tick=True)

    assert buffer.folding
    assert drained(buffer) == [Gap("AAPL", 1, 5, GapReason.BUFFER_FULL), update("AAPL", 6), update("MSFT", 1)]
    assert not buffer.folding


def test_folding_goes_on_after_the_gap_was_taken() -> None:
    """A tick that replaces one whose gap was taken already leaves a gap of its own."""
    buffer = empty(capacity=1)
    for number in range(1, 5):
        buffer.put_update(update("AAPL", number), every_tick=True)

    assert buffer.take() == Gap("AAPL", 1, 3, GapReason.BUFFER_FULL)
    buffer.put_update(update("AAPL", 5), every_tick=True)
    assert drained(buffer) == [Gap("AAPL", 4, 4, GapReason.BUFFER_FULL), update("AAPL", 5)]


def test_a_gap_of_the_server_is_folded_too() -> None:
    """While folding, a gap that the server told and the ticks around it become one gap."""
    buffer = empty(capacity=1)
    for number in range(1, 4):
        buffer.put_update(update("AAPL", number), every_tick=True)
    buffer.put_gap(Gap("AAPL", 4, 6, GapReason.READER_LAGGED))
    buffer.put_gap(Gap("AAPL", 7, 7, GapReason.READER_LAGGED))
    buffer.put_update(update("AAPL", 8), every_tick=True)

    assert [type(event) for event in drained(buffer)] == [Gap, Update]


def test_a_gap_without_numbers_stays_without_numbers() -> None:
    """A gap whose size cannot be told cannot be told after folding either."""
    buffer = empty(capacity=1)
    for number in range(1, 4):
        buffer.put_update(update("AAPL", number), every_tick=True)
    buffer.put_gap(Gap("AAPL", 0, 0, GapReason.COUNT_LOST))
    buffer.put_update(update("AAPL", 0), every_tick=True)

    gap = buffer.take()
    assert isinstance(gap, Gap)
    assert gap.missing is None
    assert drained(buffer) == [update("AAPL", 0)]


def test_a_snapshot_of_the_same_tick_leaves_no_gap() -> None:
    """While folding, a snapshot that tells the newest tick again misses nothing."""
    buffer = empty(capacity=1)
    for number in range(1, 4):
        buffer.put_update(update("AAPL", number), every_tick=True)
    buffer.put_update(snapshot("AAPL", 3), every_tick=True)

    assert drained(buffer) == [Gap("AAPL", 1, 2, GapReason.BUFFER_FULL), snapshot("AAPL", 3)]


def test_a_program_that_wants_no_gaps_is_disconnected() -> None:
    """With LagPolicy.DISCONNECT more ticks than the capacity raise ReaderTooSlow."""
    buffer = empty(capacity=2, lag_policy=LagPolicy.DISCONNECT)
    for number in range(1, 4):
        buffer.put_update(update("AAPL", number), every_tick=True)
    with pytest.raises(ReaderTooSlow, match="more than 2 events"):
        buffer.put_update(update("AAPL", 4), every_tick=True)


@pytest.mark.parametrize("lag_policy", LagPolicy)
def test_changes_without_end_are_too_much(lag_policy: LagPolicy) -> None:
    """Changes cannot be folded, so more of them than the capacity raise ReaderTooSlow under either policy."""
    buffer = empty(capacity=5, lag_policy=lag_policy)
    for _ in range(5):
        buffer.put(StockLeft("AAPL"))
    with pytest.raises(ReaderTooSlow):
        buffer.put(StockLeft("AAPL"))


@given(st.lists(st.sampled_from(["AAPL", "MSFT", "IBM"]), max_size=80))
def test_many_frequency_stocks_never_fill_the_buffer(stock_ids: list[str]) -> None:
    """With a frequency the capacity does not matter: there is one update per stock."""
    buffer = empty(capacity=0)
    for number, stock_id in enumerate(stock_ids, start=1):
        buffer.put_update(update(stock_id, number), every_tick=False)

    assert len(buffer) == len(set(stock_ids))


class BufferAgainstTruth(RuleBasedStateMachine):
    """Puts ticks of an every-tick stock T and a frequency stock F in any order, with takes between them.

    What was taken must account for every tick of both: delivered, or in a gap (T), or superseded (F).
    """

    CAPACITY = 10
    MAX_CHANGES = 4  # each may take two places: its own, and that of the update before it

    def __init__(self) -> None:
        super().__init__()
        self.buffer = empty(self.CAPACITY)
        self.put_last = {"T": 0, "F": 0}
        self.accounted = {"T": 0, "F": 0}
        self.changes_waiting = 0

    @rule(skips=st.lists(st.integers(0, 2), max_size=6))
    def put_ticks(self, skips: list[int]) -> None:
        """Put the next ticks of T, each after a gap that the server told if some are skipped."""
        for skipped in skips:
            first = self.put_last["T"] + 1
            if skipped:
                self.buffer.put_gap(Gap("T", first, first + skipped - 1, GapReason.OUTSIDE_WINDOW))
            self.put_last["T"] += skipped + 1
            self.buffer.put_update(update("T", self.put_last["T"]), every_tick=True)

    @rule(superseded=st.integers(0, 3))
    def put_beat(self, superseded: int) -> None:
        """Put an update of F that superseded some ticks."""
        self.put_last["F"] += superseded + 1
        self.buffer.put_update(update("F", self.put_last["F"], superseded), every_tick=False)

    @precondition(lambda self: self.changes_waiting < self.MAX_CHANGES)
    @rule(stock_id=st.sampled_from(["T", "F"]))
    def put_change(self, stock_id: str) -> None:
        """Put a change of a stock."""
        self.changes_waiting += 1
        self.buffer.put(StockLeft(stock_id))

    @rule()
    def put_heartbeat(self) -> None:
        """Put a heartbeat that says what it covers."""
        self.buffer.put(heartbeat(self.put_last["T"]))

    @rule()
    def take(self) -> None:
        """Take one event, and account for it."""
        event = self.buffer.take()
        if isinstance(event, Gap):
            assert event.first_missing_tick_number == self.accounted["T"] + 1
            self.accounted["T"] = event.last_missing_tick_number
        elif isinstance(event, Update):
            stock_id = event.stock_id
            assert event.tick_number - event.superseded == self.accounted[stock_id] + 1
            self.accounted[stock_id] = event.tick_number
        elif isinstance(event, Heartbeat):
            assert self.accounted["T"] >= event.open_stocks
        elif isinstance(event, StockLeft):
            self.changes_waiting -= 1

    @rule()
    def take_all(self) -> None:
        """Take everything: then everything that was put is accounted for."""
        while len(self.buffer):
            self.take()

        assert self.accounted == self.put_last

    @invariant()
    def is_bounded(self) -> None:
        """The buffer holds no more than its capacity beyond the newest of each stock."""
        assert len(self.buffer) <= self.CAPACITY + 2


TestBufferAgainstTruth = BufferAgainstTruth.TestCase
