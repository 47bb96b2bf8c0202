"""Pieces: what stands in opened, changes, gaps, heartbeat and go_away."""

from __future__ import annotations

from ticker.v1 import watch_service_pb2

from tests.support.fanout_rig import SECOND, accepted, schedule
from tests.support.virtual_clock import instant
from ticker_server.fanout.encoding import duration, timestamp
from ticker_server.fanout.following import Following
from ticker_server.fanout.hub import Quote
from ticker_server.fanout.pieces import (
    ChangeKind,
    GapReason,
    GoAwayReason,
    LagPolicy,
    Opening,
    Refusal,
    change_piece,
    gap_piece,
    go_away_piece,
    heartbeat_piece,
    opened_piece,
    opening_piece,
)
from ticker_server.fanout.registry import ALWAYS
from ticker_server.model.feed_status import FeedState, FeedStatus
from ticker_server.model.schedule import Schedule
from ticker_server.model.stock import Stock
from ticker_server.model.subscription import EVERY_TICK

OPENING = Opening("w1", "e1", 7 * SECOND, LagPolicy.DISCONNECT, "0.1", (Refusal("X", "STOCK_NOT_FOUND", "no X"),))
NOON = instant("2026-03-02T12:00:00+00:00")


def following(cadence: int = 5 * SECOND, hours: Schedule = ALWAYS, *, price: bool = True) -> Following:
    """Return a following of a user, asked at noon."""
    quote = Quote("A")
    quote.stock = Stock("A", "Alpha", "EUR", 0)
    quote.newest = accepted("A", 1, 1) if price else None
    one = Following(quote, cadence, hours, user_id="ana")
    one.ask_window(NOON)
    return one


def read(part: bytes) -> watch_service_pb2.WatchStocksResponse:
    """Parse a part."""
    return watch_service_pb2.WatchStocksResponse.FromString(part)


def test_first_opening_is_whole_and_later_ones_name_the_watch() -> None:
    """What opens a stream says all of the watch once; further pages have its id."""
    first, later = read(opening_piece(OPENING, first=True)).opened, read(opening_piece(OPENING, first=False)).opened

    assert (first.watch_id, first.log_epoch, first.server_version) == ("w1", "e1", "0.1")
    assert duration(7 * SECOND) == first.heartbeat_interval
    assert first.lag_policy == watch_service_pb2.LAG_POLICY_DISCONNECT
    assert watch_service_pb2.Opened(watch_id="w1") == later


def test_entries_join_to_one_opened() -> None:
    """Head, refusals and stocks of one message are one `opened`."""
    parts = [opening_piece(OPENING, first=True), *map(opened_piece, [*OPENING.refusals, following(), following()])]
    opened = read(b"".join(parts)).opened

    assert opened.watch_id == "w1"
    assert [(no.stock_id, no.reason, no.message) for no in opened.refusals] == [("X", "STOCK_NOT_FOUND", "no X")]
    assert [stock.stock_id for stock in opened.stocks] == ["A", "A"]


def test_watched_stock_says_how_it_is_followed() -> None:
    """A stock has its name, currency, cadence, and whether it is open and has a price."""
    (stock,) = read(opened_piece(following())).opened.stocks

    assert (stock.stock_id, stock.user_id, stock.name, stock.currency) == ("A", "ana", "Alpha", "EUR")
    assert duration(5 * SECOND) == stock.frequency
    assert stock.open_now
    assert stock.has_price
    assert not stock.HasField("next_open_time")


def test_watched_stock_outside_its_window_says_when_it_opens() -> None:
    """A closed stock of every tick without a price says so."""
    one = following(EVERY_TICK, schedule("Europe/Berlin", "18:00-19:00"), price=False)
    (stock,) = read(opened_piece(one)).opened.stocks

    assert stock.every_tick
    assert not stock.open_now
    assert timestamp(instant("2026-03-02T17:00:00+00:00")) == stock.next_open_time
    assert not stock.has_price


def test_stock_that_is_not_listed_yet_has_no_name() -> None:
    """A stock that this gateway has yet to hear of is told with what is known."""
    (stock,) = read(opened_piece(Following(Quote("NEW"), EVERY_TICK, ALWAYS))).opened.stocks

    assert (stock.stock_id, stock.name, stock.currency) == ("NEW", "", "")


def test_change_carries_the_stock_only_while_it_is_followed() -> None:
    """What joins or changes is described, what is gone is named."""
    joined = read(change_piece(ChangeKind.JOINED, "A", "ana", following())).changes[0]
    gone = read(change_piece(ChangeKind.STOCK_DELETED, "A", "ana")).changes[0]

    assert (joined.kind, joined.stock_id, joined.user_id) == (watch_service_pb2.CHANGE_KIND_JOINED, "A", "ana")
    assert joined.stock.name == "Alpha"
    assert gone.kind == watch_service_pb2.CHANGE_KIND_STOCK_DELETED
    assert not gone.HasField("stock")


def test_gap_names_first_and_last() -> None:
    """A gap has both ends, the reason, and for whom it is."""
    (gap,) = read(gap_piece(following(), 3, 9, GapReason.OUTSIDE_WINDOW)).gaps

    assert (
        gap.stock_id,
        gap.user_id,
        gap.first_missing_tick_number,
        gap.last_missing_tick_number,
    ) == ("A", "ana", 3, 9)
    assert gap.reason == watch_service_pb2.GAP_REASON_OUTSIDE_WINDOW


def test_heartbeat_has_the_earliest_opening() -> None:
    """A heartbeat counts open and closed stocks and tells the next opening among the closed ones."""
    feed = FeedStatus(FeedState.STALE, since=1, read_through=2)
    closed = [following(hours=schedule("UTC", hours)) for hours in ("20:00-21:00", "19:00-21:00")]
    heartbeat = read(heartbeat_piece(3, 5 * SECOND, feed, 7, closed)).heartbeat

    assert (heartbeat.open_stocks, heartbeat.closed_stocks) == (5, 2)
    assert timestamp(instant("2026-03-02T19:00:00+00:00")) == heartbeat.next_open_time
    assert heartbeat.next_within == duration(15 * SECOND)
    assert heartbeat.feed == watch_service_pb2.FEED_STATE_STALE
    assert (timestamp(1), timestamp(2), timestamp(3)) == (
        heartbeat.feed_since,
        heartbeat.read_through,
        heartbeat.server_time,
    )
    assert not read(heartbeat_piece(3, 5 * SECOND, feed, 7, [])).heartbeat.HasField("next_open_time")


def test_go_away_says_why_and_when_to_come_back() -> None:
    """A go_away has its reason and the time to wait."""
    go_away = read(go_away_piece(GoAwayReason.DRAINING, 3 * SECOND)).go_away

    assert go_away.reason == watch_service_pb2.GO_AWAY_REASON_DRAINING
    assert duration(3 * SECOND) == go_away.reconnect_after


def test_enums_are_those_of_the_wire() -> None:
    """Each value has the number that the wire gives to its name."""
    for enum, prefix in ((ChangeKind, "CHANGE_KIND_"), (GapReason, "GAP_REASON_"), (LagPolicy, "LAG_POLICY_")):
        for member in enum:
            assert getattr(watch_service_pb2, prefix + member.name) == member
    for state in FeedState:
        assert getattr(watch_service_pb2, f"FEED_STATE_{state.name}") == state
