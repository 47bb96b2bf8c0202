"""The events of a watch as JSON lines."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.ticker_client.cli.events_of_a_watch import NOON, opened, update, watched
from ticker_client.cli.lines import event_entry
from ticker_client.events import (
    CaughtUp,
    Disconnected,
    Event,
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

MOMENT = datetime(2013, 7, 1, 12, tzinfo=UTC)
OPENING = datetime(2013, 7, 2, 10, tzinfo=UTC)

STOCK = {
    "stock_id": "AAPL",
    "name": "AAPL",
    "currency": "USD",
    "frequency": "5s",
    "every_tick": False,
    "open_now": False,
    "next_open_time": "2013-07-02T10:00:00Z",
    "has_price": True,
}
WATCHED = watched("AAPL", next_open=OPENING, frequency=timedelta(seconds=5))


def test_an_update_has_exactly_the_promised_fields() -> None:
    """Prices are text with the digits that were published, times have the digits they need, an unknown size is null."""
    event = update("AAPL", "167.4200", at=NOON + 1500, number=7, kind=UpdateKind.SNAPSHOT, superseded=2)

    assert event_entry(event) == {
        "event": "update",
        "stock_id": "AAPL",
        "price": "167.4200",
        "size": None,
        "trade_time": "2013-07-01T12:00:00.000001500Z",
        "accept_time": "2013-07-01T12:00:00.000001500Z",
        "sequence": 14,
        "tick_number": 7,
        "superseded": 2,
        "kind": "SNAPSHOT",
    }
    sized = event_entry(update("AAPL", "1", size="0.50"))
    assert sized is not None
    assert sized["size"] == "0.50"


def test_opened_has_the_stocks_and_the_refusals() -> None:
    """The first line tells what the watch follows and what it was refused."""
    event = replace(opened(WATCHED, refused=("NOPE",)), oldest_replay_time=datetime(1970, 1, 2, tzinfo=UTC))

    assert event_entry(event) == {
        "event": "opened",
        "watch_id": "watch-1",
        "log_epoch": "epoch-1",
        "stocks": [STOCK],
        "refusals": [
            {
                "stock_id": "NOPE",
                "user_id": "",
                "reason": "STOCK_NOT_FOUND",
                "message": 'stock "NOPE" does not exist',
            }
        ],
        "heartbeat_interval": "5s",
        "lag_policy": None,
        "oldest_replay_time": "1970-01-02T00:00:00Z",
        "server_version": "0.1.0",
    }


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (StockJoined(WATCHED), {"kind": "JOINED", "stock_id": "AAPL", "stock": STOCK}),
        (StockChanged(WATCHED), {"kind": "CHANGED", "stock_id": "AAPL", "stock": STOCK}),
        (StockLeft("AAPL"), {"kind": "LEFT", "stock_id": "AAPL"}),
        (StockDeleted("AAPL"), {"kind": "STOCK_DELETED", "stock_id": "AAPL"}),
    ],
)
def test_changes_are_told_by_kind(event: Event, expected: dict[str, object]) -> None:
    """What joins and changes comes with how it is followed, what leaves with its id."""
    assert event_entry(event) == {"event": "change", **expected}


def test_a_gap_says_what_is_missing_and_why() -> None:
    """A gap has both ends and its reason."""
    assert event_entry(Gap("AAPL", 3, 9, GapReason.READER_LAGGED)) == {
        "event": "gap",
        "stock_id": "AAPL",
        "first_missing_tick_number": 3,
        "last_missing_tick_number": 9,
        "reason": "READER_LAGGED",
    }


def test_the_life_of_the_stream_is_told() -> None:
    """Caught up, heartbeat and go_away are lines of their own; a change of the feed is in the heartbeat."""
    heartbeat = Heartbeat(MOMENT, timedelta(seconds=15), MOMENT, FeedState.STALE, None, 2, 1, OPENING)

    assert event_entry(CaughtUp(3)) == {"event": "caught_up", "replayed_count": 3}
    assert event_entry(heartbeat) == {
        "event": "heartbeat",
        "server_time": "2013-07-01T12:00:00Z",
        "next_within": "15s",
        "read_through": "2013-07-01T12:00:00Z",
        "feed": "STALE",
        "feed_since": None,
        "open_stocks": 2,
        "closed_stocks": 1,
        "next_open_time": "2013-07-02T10:00:00Z",
    }
    assert event_entry(GoAway(GoAwayReason.DRAINING, timedelta(milliseconds=2500))) == {
        "event": "go_away",
        "reason": "DRAINING",
        "reconnect_after": "2500ms",
    }
    assert event_entry(Disconnected("HEARTBEAT_MISSED", "nothing came for 15 s")) == {
        "event": "disconnected",
        "reason": "HEARTBEAT_MISSED",
        "message": "nothing came for 15 s",
    }
    assert event_entry(Reconnected(2, timedelta(seconds=1.5), "HEARTBEAT_MISSED", 7)) == {
        "event": "reconnected",
        "reason": "HEARTBEAT_MISSED",
        "attempts": 2,
        "downtime_seconds": 1.5,
        "replayed_count": 7,
    }
    assert event_entry(FeedChanged(FeedState.DOWN, None)) is None
    assert json.dumps(event_entry(heartbeat))
