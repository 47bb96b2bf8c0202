"""What the live board shows."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from tests.ticker_client.cli.events_of_a_watch import NOON, SECOND, opened, update, watched
from ticker_client.cli.board_state import BoardState, UpdateRate
from ticker_client.events import (
    CaughtUp,
    Disconnected,
    FeedChanged,
    FeedState,
    Gap,
    GapReason,
    GoAway,
    GoAwayReason,
    Heartbeat,
    Reconnected,
    StockChanged,
    StockDeleted,
    StockJoined,
    StockLeft,
    UpdateKind,
)

TWO_O_CLOCK = datetime(2013, 7, 1, 14, tzinfo=UTC)


@pytest.fixture
def state() -> BoardState:
    """Return the board at noon."""
    return BoardState("localhost:50051", "ana's stocks", NOON, zone=UTC)


def heartbeat(open_stocks: int, closed_stocks: int, next_open: datetime | None = None) -> Heartbeat:
    """Return a heartbeat with counts of windows."""
    return Heartbeat(
        TWO_O_CLOCK, timedelta(seconds=15), None, FeedState.STALE, None, open_stocks, closed_stocks, next_open
    )


def test_followed_stocks_have_a_row_before_their_first_price(state: BoardState) -> None:
    """What the watch opened with is there at once, and what was refused is remembered."""
    state.apply(opened(watched("AAPL"), watched("FB"), refused=("NOPE",)), NOON)

    assert list(state.rows) == ["AAPL", "FB"]
    assert state.rows["AAPL"].price is None
    assert state.refused == ("NOPE",)
    assert state.connected


def test_a_row_keeps_the_first_price_and_the_direction_of_the_last_move(state: BoardState) -> None:
    """The change is against the first price seen; an equal price is no move; superseded ticks add up."""
    state.apply(update("AAPL", "100", kind=UpdateKind.SNAPSHOT), NOON)
    state.apply(update("AAPL", "90", superseded=3), NOON + SECOND)
    state.apply(update("AAPL", "95", size="7", superseded=4, at=NOON + SECOND), NOON + 2 * SECOND)
    state.apply(update("AAPL", "95.0", at=NOON + 2 * SECOND), NOON + 9 * SECOND)

    row = state.rows["AAPL"]
    assert (row.first_price, row.price) == (Decimal(100), Decimal(95))
    assert (row.direction, row.moved_at, row.superseded) == (1, NOON + 2 * SECOND, 7)
    assert (row.size, row.accept_time) == (None, NOON + 2 * SECOND)


def test_the_board_follows_what_the_watch_follows(state: BoardState) -> None:
    """Stocks join, change and leave."""
    state.apply(StockJoined(watched("FB")), NOON)
    state.apply(StockJoined(watched("AAPL")), NOON)
    state.apply(StockChanged(watched("FB", next_open=TWO_O_CLOCK)), NOON)
    assert not state.rows["FB"].is_open(NOON)

    state.apply(StockLeft("FB"), NOON)
    state.apply(StockDeleted("AAPL"), NOON)
    state.apply(StockDeleted("AAPL"), NOON)
    assert not state.rows


def test_a_window_opens_when_it_was_said_to_or_when_news_comes(state: BoardState) -> None:
    """A closed stock is open from the told instant on, and as soon as a live update comes; a snapshot opens nothing."""
    state.apply(opened(watched("AAPL", next_open=TWO_O_CLOCK), watched("FB", next_open=TWO_O_CLOCK)), NOON)
    state.apply(update("AAPL", "1", kind=UpdateKind.SNAPSHOT), NOON)
    assert not state.rows["AAPL"].is_open(NOON)
    assert state.rows["AAPL"].is_open(NOON + 7200 * SECOND)

    state.apply(update("FB", "1"), NOON)
    assert state.rows["FB"].is_open(NOON)


def test_a_heartbeat_tells_windows_where_its_counts_leave_no_doubt(state: BoardState) -> None:
    """All open and all closed are taken over; a mixture says nothing about a single stock."""
    state.apply(opened(watched("AAPL"), watched("FB")), NOON)

    state.apply(heartbeat(0, 2, TWO_O_CLOCK), NOON)
    assert [row.is_open(NOON) for row in state.rows.values()] == [False, False]
    assert state.rows["AAPL"].next_open == NOON + 7200 * SECOND

    state.apply(heartbeat(1, 1), NOON)
    assert [row.is_open(NOON) for row in state.rows.values()] == [False, False]

    state.apply(heartbeat(2, 0), NOON)
    assert [row.is_open(NOON) for row in state.rows.values()] == [True, True]
    assert state.feed is FeedState.STALE


def test_the_life_of_the_stream_is_kept(state: BoardState) -> None:
    """Gaps are counted with their ticks, and the feed, the end of catching up and a farewell are kept."""
    state.apply(Gap("AAPL", 3, 9, GapReason.READER_LAGGED), NOON)
    state.apply(Gap("AAPL", 0, 0, GapReason.LOG_REPLACED), NOON)
    state.apply(FeedChanged(FeedState.DOWN, None), NOON)
    state.apply(CaughtUp(), NOON)
    state.apply(GoAway(GoAwayReason.DRAINING, timedelta(0)), NOON)

    assert (state.gaps, state.missing, state.feed) == (2, 7, FeedState.DOWN)
    assert state.caught_up
    assert state.leaving == "DRAINING"


def test_a_replay_is_told_until_it_has_caught_up(state: BoardState) -> None:
    """Ticks of the past are told as such until the stream has caught up, and again on the next one."""
    past = update("AAPL", "1", number=9, kind=UpdateKind.REPLAY)
    replaying = []
    for event in (past, CaughtUp(), past, replace(opened(watched("AAPL")), watch_id="watch-2"), past):
        state.apply(event, NOON)
        replaying.append(state.replaying)

    assert replaying == [True, False, False, False, True]
    state.apply(GoAway(GoAwayReason.REPLAY_COMPLETE, timedelta(0)), NOON)
    assert (state.complete, state.replaying, state.leaving) == (True, False, "")


def test_a_watch_that_came_back_is_as_before(state: BoardState) -> None:
    """A break is told until the next stream is open and live, and refusals are those of the newest stream."""
    state.apply(opened(watched("AAPL"), refused=("NOPE",)), NOON)
    state.apply(GoAway(GoAwayReason.DRAINING, timedelta(0)), NOON)
    state.apply(Disconnected("WATCH_BROKEN", "connection reset"), NOON)
    assert (state.connected, state.lost, state.leaving) == (False, "WATCH_BROKEN", "DRAINING")

    state.apply(replace(opened(watched("AAPL"), refused=("NOPE",)), watch_id="watch-2"), NOON)
    state.apply(Reconnected(1, timedelta(seconds=1), "WATCH_BROKEN", 0), NOON)
    assert (state.connected, state.lost, state.leaving, state.refused) == (True, "", "", ("NOPE",))


def test_the_rate_is_that_of_the_last_whole_seconds() -> None:
    """Updates per second are counted over five whole seconds, or over what there was so far."""
    rate = UpdateRate(NOON)
    rate.count(NOON)
    rate.count(NOON + 1)
    assert rate.per_second(NOON + 2) == 2

    for _ in range(4):
        rate.count(NOON + SECOND)
    assert rate.per_second(NOON + 2 * SECOND) == 3
    assert rate.per_second(NOON + 5 * SECOND) == 6 / 5
    assert rate.per_second(NOON + 60 * SECOND) == 0
