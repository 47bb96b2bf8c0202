"""Messages of a watch become events without a loss."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from ticker.v1 import watch_service_pb2 as wire

from tests.ticker_client.messages import SENT_TIME, go_away, heartbeat, opened, watched
from ticker_client import decoding
from ticker_client.events import (
    FeedState,
    Gap,
    GapReason,
    GoAway,
    GoAwayReason,
    LagPolicy,
    Refusal,
    StockChanged,
    StockDeleted,
    StockJoined,
    StockLeft,
    UpdateKind,
    WatchedStock,
)


@pytest.mark.parametrize(
    ("word", "wrapper", "prefix"),
    [
        (UpdateKind, wire.UpdateKind, "UPDATE_KIND_"),
        (GapReason, wire.GapReason, "GAP_REASON_"),
        (GoAwayReason, wire.GoAwayReason, "GO_AWAY_REASON_"),
        (FeedState, wire.FeedState, "FEED_STATE_"),
    ],
)
def test_every_word_of_the_wire_has_its_place(word: type, wrapper: type, prefix: str) -> None:
    """The numbers of a wire enum count up from 0, as decoding takes for granted, and each has its word."""
    assert wrapper.values() == list(range(len(wrapper.values())))
    assert {name.removeprefix(prefix) for name in wrapper.keys()} <= set(word.__members__)  # noqa: SIM118 - no mapping


def test_kinds_are_named_and_later_ones_are_unspecified() -> None:
    """A kind is its word; one that a newer server knows is UNSPECIFIED."""
    assert decoding.kind_of(wire.UPDATE_KIND_LIVE) is UpdateKind.LIVE
    assert decoding.kind_of(99) is UpdateKind.UNSPECIFIED


def test_opened_keeps_everything() -> None:
    """An `opened` keeps ids, stocks, refusals, interval, policy and version."""
    message = opened(watched("AAPL", every_tick=True), watched("MSFT", has_price=False)).opened
    message.stocks[1].open_now = False
    message.stocks[1].next_open_time.CopyFrom(Timestamp(seconds=SENT_TIME))
    message.refusals.add(stock_id="X", user_id="u", reason="STOCK_NOT_FOUND", message="no")
    cannot_replay = decoding.opened_of(message).oldest_replay_time
    message.oldest_replay_time.CopyFrom(Timestamp(seconds=86_400))
    told = decoding.opened_of(message)

    assert (cannot_replay, told.oldest_replay_time) == (None, datetime(1970, 1, 2, tzinfo=UTC))
    assert (told.watch_id, told.log_epoch, told.server_version) == ("w-1", "e-1", "1.2.3")
    assert told.heartbeat_interval == timedelta(seconds=5)
    assert told.lag_policy is LagPolicy.CONFLATE
    assert told.refusals == (Refusal("X", "u", "STOCK_NOT_FOUND", "no"),)
    second = timedelta(seconds=1)
    opening = datetime.fromtimestamp(SENT_TIME, UTC)
    assert told.stocks == (
        WatchedStock("AAPL", "AAPL", "USD", None, True, True, None, True),
        WatchedStock("MSFT", "MSFT", "USD", second, False, False, opening, False),
    )


def test_an_opened_without_a_lag_policy_has_none() -> None:
    """A watch without every-tick stocks has no lag policy."""
    message = opened().opened
    message.lag_policy = wire.LAG_POLICY_UNSPECIFIED

    assert decoding.opened_of(message).lag_policy is None


@pytest.mark.parametrize(
    ("kind", "event"),
    [
        (wire.CHANGE_KIND_JOINED, StockJoined),
        (wire.CHANGE_KIND_CHANGED, StockChanged),
        (wire.CHANGE_KIND_LEFT, StockLeft),
        (wire.CHANGE_KIND_STOCK_DELETED, StockDeleted),
    ],
)
def test_changes_name_their_stock(kind: wire.ChangeKind.ValueType, event: type) -> None:
    """A change becomes the event of its kind, with its stock."""
    told = decoding.change_of(wire.WatchChange(kind=kind, stock_id="AAPL", stock=watched("AAPL")))

    assert type(told) is event
    assert told is not None
    assert told.stock_id == "AAPL"


def test_changes_of_users_mean_nothing_to_a_watch_of_one() -> None:
    """A change that is about users, or of a kind that a newer server knows, is no event."""
    assert decoding.change_of(wire.WatchChange(kind=wire.CHANGE_KIND_USER_JOINED, user_id="bob")) is None
    assert decoding.change_of(wire.WatchChange()) is None


def test_a_gap_keeps_its_numbers_and_reason() -> None:
    """A gap keeps its stock, its numbers and its reason."""
    message = wire.Gap(
        stock_id="AAPL",
        first_missing_tick_number=3,
        last_missing_tick_number=5,
        reason=wire.GAP_REASON_OUTSIDE_WINDOW,
    )

    assert decoding.gap_of(message) == Gap("AAPL", 3, 5, GapReason.OUTSIDE_WINDOW)


def test_a_heartbeat_keeps_everything() -> None:
    """A heartbeat keeps its promise, its instants, the feed and the counts; what is not set is None."""
    told = decoding.heartbeat_of(heartbeat(feed=wire.FEED_STATE_DOWN).heartbeat)
    bare = decoding.heartbeat_of(wire.Heartbeat())

    now = datetime.fromtimestamp(SENT_TIME, UTC)
    assert (told.server_time, told.next_within) == (now, timedelta(seconds=15))
    assert (told.read_through, told.feed_since) == (now - timedelta(seconds=1), now - timedelta(seconds=2))
    assert (told.feed, told.open_stocks, told.closed_stocks) == (FeedState.DOWN, 2, 1)
    assert told.next_open_time == now + timedelta(seconds=60)
    assert (bare.read_through, bare.feed_since, bare.next_open_time) == (None, None, None)


def test_a_go_away_keeps_reason_and_pause() -> None:
    """A go_away keeps its reason and the time after which to come back."""
    told = decoding.go_away_of(go_away(wire.GO_AWAY_REASON_STREAM_AGE).go_away)

    assert told == GoAway(GoAwayReason.STREAM_AGE, timedelta(seconds=1.5))
