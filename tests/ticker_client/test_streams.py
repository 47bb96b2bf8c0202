"""The streams of a watch: it comes back by itself, goes on where it stood, and says so."""

from __future__ import annotations

import asyncio
import gc
from datetime import timedelta

import grpc
import pytest
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import RetryInfo
from ticker.v1 import watch_service_pb2 as wire

from tests.ticker_client.breaking_watch import SHORT_PROMISE, Pauses, Step, at, events_until, play, resumes, told
from tests.ticker_client.each_client import Connect, received_all
from tests.ticker_client.messages import (
    REPLAY,
    SNAPSHOT,
    caught_up,
    duration,
    gap,
    go_away,
    heartbeat,
    opened,
    stock_update,
    updates,
    watched,
)
from tests.ticker_client.scripted_server import Refuse, ScriptedServer
from ticker_client import (
    CaughtUp,
    Disconnected,
    FeedChanged,
    Gap,
    GapReason,
    GoAway,
    InvalidArgument,
    LagPolicy,
    NotBuilt,
    NotFound,
    PermissionDenied,
    Position,
    ReaderTooSlow,
    Reconnected,
    Resume,
    ServerUnreachable,
    StockChanged,
    StockJoined,
    StockLeft,
    TickerClient,
    TickerError,
    Unauthenticated,
    Update,
    UpdateKind,
)
from ticker_client.streams import OPENINGS

LOST = Refuse(grpc.StatusCode.UNAVAILABLE, "", "Socket closed")
NOT_BUILT = Refuse(grpc.StatusCode.UNIMPLEMENTED, "NOT_IMPLEMENTED", "resume is not served yet")
EACH = watched("AAPL", every_tick=True)
PACED = watched("AAPL")


def begun(stock: wire.WatchedStock = EACH, number: int = 7) -> list[Step]:
    """Return the steps of a stream that is live at a tick of AAPL."""
    return [opened(stock), updates(stock_update("AAPL", number), kind=SNAPSHOT), caught_up()]


def resumed(*numbers: int, stock: wire.WatchedStock = EACH) -> list[Step]:
    """Return the steps of a stream that brings ticks of AAPL that were missed, and is live and silent then."""
    replay = [updates(stock_update("AAPL", number), kind=REPLAY) for number in numbers]
    return [opened(stock), *replay, caught_up(len(numbers)), None]


@pytest.mark.parametrize(
    "broken",
    [
        Refuse(grpc.StatusCode.UNAVAILABLE, "", "Socket closed"),
        Refuse(grpc.StatusCode.CANCELLED, "", "cancelled by a proxy"),
        Refuse(grpc.StatusCode.INTERNAL, "", "Received RST_STREAM with error code 2"),
        Refuse(grpc.StatusCode.ABORTED, "", "aborted"),
        Refuse(grpc.StatusCode.UNKNOWN, "", "Stream removed"),
        Refuse(grpc.StatusCode.ABORTED, "ABORTED", "try again"),
        Refuse(grpc.StatusCode.UNAVAILABLE, "PRICE_LOG_UNAVAILABLE", "the log does not answer"),
        Refuse(grpc.StatusCode.RESOURCE_EXHAUSTED, "STREAM_LIMIT", "full", RetryInfo()),
        None,
    ],
    ids=lambda refusal: "OK without go_away" if refusal is None else str(refusal.code.name),
)
async def test_a_break_is_passing_and_nothing_is_lost(
    server: ScriptedServer, ticker: TickerClient, broken: Refuse | None
) -> None:
    """After a break the watch resumes behind the last update, and tells the break and the return in their place."""
    play(server, [*begun(), updates(stock_update("AAPL", 8)), *([broken] if broken else [])], resumed(9, 10))
    async with ticker.watch("AAPL", every_tick=True, reconnect=Pauses().reconnect()) as watch:
        events = await events_until(watch, Reconnected)

    assert told(events) == [
        ("AAPL", 7, 0),
        CaughtUp,
        ("AAPL", 8, 0),
        Disconnected,
        ("AAPL", 9, 0),
        ("AAPL", 10, 0),
        CaughtUp,
        Reconnected,
    ]
    assert resumes(server) == [None, at(("AAPL", 8))]
    assert isinstance(events[-1], Reconnected)
    assert (events[-1].attempts, events[-1].replayed_count) == (1, 2)


@pytest.mark.parametrize(
    ("refusal", "kind"),
    [
        (Refuse(grpc.StatusCode.UNAUTHENTICATED, "TOKEN_EXPIRED", "expired"), Unauthenticated),
        (Refuse(grpc.StatusCode.PERMISSION_DENIED, "NOT_YOUR_RESOURCE", "not yours"), PermissionDenied),
        (Refuse(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_WATCH", "bad"), InvalidArgument),
        (Refuse(grpc.StatusCode.NOT_FOUND, "USER_NOT_FOUND", "gone"), NotFound),
        (Refuse(grpc.StatusCode.RESOURCE_EXHAUSTED, "READER_TOO_SLOW", "slow", RetryInfo()), ReaderTooSlow),
        (Refuse(grpc.StatusCode.UNAUTHENTICATED, "", "a proxy says no"), ServerUnreachable),
    ],
)
async def test_what_waiting_does_not_help_is_raised(
    server: ScriptedServer, ticker: TickerClient, refusal: Refuse, kind: type[TickerError]
) -> None:
    """A final status in mid-stream, or at the return, raises its error after what was received."""
    for streams in ([*begun(), refusal],), ([*begun(), LOST], [refusal]):
        play(server, *streams)
        async with ticker.watch("AAPL", every_tick=True, reconnect=Pauses().reconnect()) as watch:
            await events_until(watch, CaughtUp)
            with pytest.raises(kind) as caught:
                await events_until(watch, Reconnected)
        assert type(caught.value) in {kind, *kind.__subclasses__()}


async def test_what_happens_before_the_watch_is_open_is_raised(server: ScriptedServer, ticker: TickerClient) -> None:
    """A watch that was never opened does not wait for better times, even if the error is passing."""
    play(server, [LOST])
    with pytest.raises(ServerUnreachable):
        async with ticker.watch("AAPL", reconnect=Pauses().reconnect()):
            pass

    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "refusal",
    [
        Refuse(grpc.StatusCode.CANCELLED, "", "Cancelled on the server side"),
        Refuse(grpc.StatusCode.INTERNAL, "", "Received RST_STREAM with error code 7"),
    ],
)
async def test_a_watch_that_is_turned_away_is_tried_again(
    server: ScriptedServer, ticker: TickerClient, refusal: Refuse
) -> None:
    """What is cancelled or reset before it was opened is tried again a few times, and the program hears nothing of it."""
    pauses = Pauses()
    play(server, *[[refusal]] * (OPENINGS - 1), [*begun(), None])
    async with ticker.watch("AAPL", every_tick=True, reconnect=pauses.reconnect()) as watch:
        events = await events_until(watch, CaughtUp)
    assert told(events) == [("AAPL", 7, 0), CaughtUp]
    assert pauses.taken == [0.2, 0.4, 0.8, 1.6]

    play(server, *[[refusal]] * OPENINGS)
    with pytest.raises(ServerUnreachable):
        async with ticker.watch("AAPL", every_tick=True, reconnect=Pauses().reconnect()):
            pass


async def test_pauses_grow_until_a_stream_was_good(server: ScriptedServer, ticker: TickerClient) -> None:
    """Pauses double up to 3 s, also after streams that were live for a moment, and begin anew after a good one."""
    pauses = Pauses()
    play(server, [*begun(), LOST], *[[LOST]] * 5, [*resumed()[:-1], LOST], resumed())
    async with ticker.watch("AAPL", every_tick=True, reconnect=pauses.reconnect()) as watch:
        events = await events_until(watch, Reconnected, 2)

    assert pauses.taken == [0.2, 0.4, 0.8, 1.6, 3.0, 3.0, 3.0]
    first, second = (event for event in events if isinstance(event, Reconnected))
    assert (first.attempts, first.downtime) == (6, timedelta(seconds=9))
    assert (second.attempts, second.downtime) == (1, timedelta(seconds=3))
    assert sum(isinstance(event, Disconnected) for event in events) == 2


async def test_pauses_begin_anew_after_a_good_stream(server: ScriptedServer, asyncio_ticker: TickerClient) -> None:
    """A stream that was live for as long as the longest pause makes the next pause short again."""
    pauses = Pauses()
    play(server, [*begun(), LOST], [LOST], [*resumed()[:-1], updates(stock_update("AAPL", 8)), None], resumed())
    async with asyncio_ticker.watch("AAPL", every_tick=True, reconnect=pauses.reconnect()) as watch:
        await events_until(watch, Reconnected)
        pauses.now += 3
        (call,) = list(asyncio_ticker._connection._line.channel._active_calls)  # type: ignore[union-attr]
        call.cancel()
        await events_until(watch, Reconnected)

    assert pauses.taken == [0.2, 0.4, 0.2]


async def test_the_server_says_how_long_to_wait(server: ScriptedServer, ticker: TickerClient) -> None:
    """RetryInfo is waited for on top of the drawn pause; the time of a go_away was drawn by the server already."""
    pauses = Pauses()
    busy = Refuse(
        grpc.StatusCode.UNAVAILABLE,
        "SERVER_DRAINING",
        "draining",
        RetryInfo(retry_delay=duration(timedelta(seconds=2))),
    )
    play(server, [*begun(), go_away()], [busy], resumed(8))
    async with ticker.watch("AAPL", every_tick=True, reconnect=pauses.reconnect()) as watch:
        events = await events_until(watch, Reconnected)

    assert pauses.taken == [1.5, 2.4]
    assert told(events)[2:] == [GoAway, ("AAPL", 8, 0), CaughtUp, Reconnected]
    assert isinstance(events[-1], Reconnected)
    assert (events[-1].reason, events[-1].attempts) == ("DRAINING", 2)


async def test_a_complete_replay_is_the_end(server: ScriptedServer, ticker: TickerClient) -> None:
    """After a go_away REPLAY_COMPLETE there is nothing to come back for."""
    play(server, [*begun(), go_away(wire.GO_AWAY_REASON_REPLAY_COMPLETE)])
    async with ticker.watch("AAPL", every_tick=True) as watch:
        events = [event async for event in watch]

    assert told(events)[-1] is GoAway


async def test_a_silent_stream_is_left_on_a_fresh_connection(
    server: ScriptedServer, asyncio_ticker: TickerClient
) -> None:
    """After silence the next stream uses another channel, and calls that are under way on the old one go on."""
    release = asyncio.Event()

    async def slowly(_: object) -> Message:
        await release.wait()
        return wire.UpdateWatchResponse()

    server.answers["GetStock"] = slowly
    play(server, [*begun(), heartbeat(next_within=SHORT_PROMISE), None], resumed())
    async with asyncio_ticker.watch("AAPL", every_tick=True, reconnect=Pauses().reconnect()) as watch:
        first = asyncio_ticker._connection._line
        call = asyncio.create_task(asyncio_ticker.get_stock("AAPL"))
        events = await events_until(watch, Reconnected)
        assert asyncio_ticker._connection._line is not first
        assert not call.done()
        release.set()
        await call
        assert first is not None
        assert not asyncio_ticker._connection._old_lines
        assert len(server.peers) == 2

    assert isinstance(events[-1], Reconnected)
    assert events[-1].reason == "HEARTBEAT_MISSED"


async def test_a_return_that_is_not_answered_is_tried_elsewhere(server: ScriptedServer, connect: Connect) -> None:
    """A server that takes the call and says nothing is left for another connection after the timeout."""
    play(server, [*begun(), LOST], [None], resumed())
    async with (
        connect(server.target, timeout=timedelta(milliseconds=200)) as ticker,
        ticker.watch("AAPL", every_tick=True, reconnect=Pauses().reconnect()) as watch,
    ):
        events = await events_until(watch, Reconnected)

    assert isinstance(events[-1], Reconnected)
    assert events[-1].attempts == 2
    assert len(server.peers) == 2


async def test_a_frequency_counts_what_came_meanwhile_as_superseded(
    server: ScriptedServer, ticker: TickerClient
) -> None:
    """With a frequency the newest price counts the ticks of the break; without a newer one nothing comes."""
    taken = asyncio.Event()
    play(server, [*begun(PACED), taken, LOST], [*resumed(12, stock=PACED)[:-1], LOST], resumed(stock=PACED))
    async with ticker.watch("AAPL", reconnect=Pauses().reconnect()) as watch:
        events = await events_until(watch, CaughtUp)
        taken.set()
        events += await events_until(watch, Reconnected, 2)

    assert [item for item in told(events) if isinstance(item, tuple)] == [("AAPL", 7, 0), ("AAPL", 12, 4)]
    assert resumes(server) == [None, at(("AAPL", 7)), at(("AAPL", 12))]


async def test_repeats_of_a_resumed_stream_are_dropped(server: ScriptedServer, ticker: TickerClient) -> None:
    """What a resumed stream tells again is dropped and counted."""
    play(server, [*begun(), LOST], resumed(6, 7, 8))
    async with ticker.watch("AAPL", every_tick=True, reconnect=Pauses().reconnect()) as watch:
        events = await events_until(watch, Reconnected)

        assert watch.statistics().dropped == 2
        assert (watch.statistics().live, watch.statistics().reconnects) == (True, 1)
    assert [item for item in told(events) if isinstance(item, tuple)] == [("AAPL", 7, 0), ("AAPL", 8, 0)]


async def test_what_a_resumed_stream_leaves_out_is_a_gap(server: ScriptedServer, ticker: TickerClient) -> None:
    """With every tick, numbers that are missing across the break are UNEXPLAINED, or what the server says they are."""
    truncated = gap("AAPL", 10, 11, wire.GAP_REASON_LOG_TRUNCATED)
    play(server, [*begun(), LOST], [*resumed(9)[:-1], LOST], [opened(EACH), truncated, *resumed(12)[1:]])
    async with ticker.watch("AAPL", every_tick=True, reconnect=Pauses().reconnect()) as watch:
        events = await events_until(watch, Reconnected, 2)

    assert [event for event in events if isinstance(event, Gap)] == [
        Gap("AAPL", 8, 8, GapReason.UNEXPLAINED),
        Gap("AAPL", 10, 11, GapReason.LOG_TRUNCATED),
    ]


async def test_a_gap_is_told_once(server: ScriptedServer, ticker: TickerClient) -> None:
    """A gap that a second resumed stream tells again, longer by now, is told by what is new; its ticks never follow."""
    play(
        server,
        [*begun(), LOST],
        [opened(EACH), gap("AAPL", 8, 10, wire.GAP_REASON_LOG_TRUNCATED), LOST],
        [opened(EACH), gap("AAPL", 8, 10, wire.GAP_REASON_LOG_TRUNCATED), LOST],
        [opened(EACH), gap("AAPL", 8, 11, wire.GAP_REASON_LOG_TRUNCATED), *resumed(10, 12)[1:]],
    )
    async with ticker.watch("AAPL", every_tick=True, reconnect=Pauses().reconnect()) as watch:
        events = await events_until(watch, Reconnected)

    assert [item for item in told(events)[2:] if not isinstance(item, type)] == [
        Gap("AAPL", 8, 10, GapReason.LOG_TRUNCATED),
        Gap("AAPL", 11, 11, GapReason.LOG_TRUNCATED),
        ("AAPL", 12, 0),
    ]
    assert resumes(server)[1:] == [at(("AAPL", 7))] * 3


async def test_another_price_log_is_told(server: ScriptedServer, ticker: TickerClient) -> None:
    """A stream of another log tells a gap without numbers, once, and its lower sequences are news."""
    told_by_server = gap("AAPL", 0, 0, wire.GAP_REASON_LOG_REPLACED)
    for extra in ([told_by_server], []):
        server.requests.clear()
        fresh = [updates(stock_update("AAPL", 2), kind=SNAPSHOT), caught_up()]
        play(
            server,
            [*begun(), LOST],
            [opened(EACH, log_epoch="e-2"), *extra, *fresh, LOST],
            [opened(EACH, log_epoch="e-2"), caught_up(), None],
        )
        async with ticker.watch("AAPL", every_tick=True, reconnect=Pauses().reconnect()) as watch:
            events = await events_until(watch, Reconnected)
            await events_until(watch, Reconnected)

        assert told(events)[3:5] == [Gap("AAPL", 0, 0, GapReason.LOG_REPLACED), ("AAPL", 2, 0)]
        assert resumes(server)[1:] == [at(("AAPL", 7)), at(("AAPL", 2), log_epoch="e-2")]


async def test_another_price_log_without_the_stock_is_told_as_well(
    server: ScriptedServer, ticker: TickerClient
) -> None:
    """A stock that has no price in the new log has lost its numbers all the same."""
    empty = watched("AAPL", every_tick=True, has_price=False)
    play(server, [*begun(), LOST], [opened(empty, log_epoch="e-2"), caught_up(), None])
    async with ticker.watch("AAPL", every_tick=True, reconnect=Pauses().reconnect()) as watch:
        events = await events_until(watch, Reconnected)

    assert told(events)[3:] == [Gap("AAPL", 0, 0, GapReason.LOG_REPLACED), CaughtUp, Reconnected]


@pytest.mark.parametrize("every_tick", [True, False])
async def test_the_first_ticks_may_come_during_a_break(
    server: ScriptedServer, ticker: TickerClient, *, every_tick: bool
) -> None:
    """A stock that had no price is resumed before its first tick, as often as streams break, and by the next program."""
    empty = watched("AAPL", every_tick=every_tick, has_price=False)
    stock = watched("AAPL", every_tick=every_tick)
    first = resumed(*((1, 2) if every_tick else (2,)), stock=stock)
    play(server, [opened(empty), caught_up(), LOST], [opened(stock), LOST], first, first)
    async with ticker.watch("AAPL", every_tick=every_tick, reconnect=Pauses().reconnect()) as watch:
        events = await events_until(watch, Disconnected)
        kept = watch.resume.to_json()
        events += await events_until(watch, Reconnected)
    async with ticker.watch("AAPL", every_tick=every_tick, resume=Resume.from_json(kept)) as watch:
        again = await events_until(watch, CaughtUp)

    expected: list[object] = [("AAPL", 1, 0), ("AAPL", 2, 0)] if every_tick else [("AAPL", 2, 1)]
    assert told(events) == [CaughtUp, Disconnected, *expected, CaughtUp, Reconnected]
    assert told(again) == [*expected, CaughtUp]
    assert resumes(server) == [None, *[at(("AAPL", 0))] * 3]


@pytest.mark.parametrize(
    ("stock", "number", "expected"),
    [
        (EACH, 7, []),
        (EACH, 10, [Gap("AAPL", 8, 9, GapReason.UNEXPLAINED), ("AAPL", 10, 0)]),
        (PACED, 7, []),
        (PACED, 10, [("AAPL", 10, 2)]),
    ],
)
async def test_an_older_server_is_watched_afresh(
    server: ScriptedServer, ticker: TickerClient, stock: wire.WatchedStock, number: int, expected: list[object]
) -> None:
    """Where a resume is not built yet, the numbers of the snapshots say what was missed; the next break tries again."""
    taken = asyncio.Event()
    play(
        server,
        [*begun(stock), taken, LOST],
        [NOT_BUILT],
        [*begun(stock, number), LOST],
        [NOT_BUILT],
        [*begun(stock, number), None],
    )
    async with ticker.watch("AAPL", every_tick=stock.every_tick, reconnect=Pauses().reconnect()) as watch:
        events = await events_until(watch, CaughtUp)
        taken.set()
        events += await events_until(watch, Reconnected, 2)

    assert [item for item in told(events)[2:] if not isinstance(item, type)] == expected
    assert {event.kind for event in events[2:] if isinstance(event, Update)} <= {UpdateKind.REPLAY}
    assert resumes(server) == [None, at(("AAPL", 7)), None, at(("AAPL", number)), None]


async def test_what_is_not_built_without_a_resume_is_raised(server: ScriptedServer, ticker: TickerClient) -> None:
    """A server that refuses the fresh watch as well does not serve the watch at all."""
    play(server, [*begun(), LOST], [NOT_BUILT], [NOT_BUILT])
    async with ticker.watch("AAPL", every_tick=True, reconnect=Pauses().reconnect()) as watch:
        with pytest.raises(NotBuilt):
            await events_until(watch, Reconnected)


async def test_positions_that_the_server_refuses_begin_the_log_anew(
    server: ScriptedServer, ticker: TickerClient
) -> None:
    """After INVALID_RESUME the watch begins afresh, with a gap that cannot be counted, whatever the sequences are."""
    refused = Refuse(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_RESUME", "no such position")
    play(server, [*begun(), LOST], [refused], [*begun(number=3), None])
    async with ticker.watch("AAPL", every_tick=True, reconnect=Pauses().reconnect()) as watch:
        events = await events_until(watch, Reconnected)

    assert told(events)[3:] == [
        Gap("AAPL", 0, 0, GapReason.LOG_REPLACED),
        ("AAPL", 3, 0),
        CaughtUp,
        Reconnected,
    ]


async def test_subscriptions_that_changed_meanwhile_are_told(server: ScriptedServer, ticker: TickerClient) -> None:
    """Stocks that joined, changed or left during the break are told as if it had happened on the stream."""
    play(
        server,
        [opened(watched("A"), watched("B"), watched("C")), caught_up(), LOST],
        [opened(watched("B", every_tick=True), watched("C")), opened(watched("D")), caught_up(), None],
    )
    async with ticker.watch(reconnect=Pauses().reconnect()) as watch:
        events = await events_until(watch, Reconnected)

        assert [stock.stock_id for stock in watch.opened.stocks] == ["B", "C", "D"]
    changes = [
        (type(event), event.stock_id) for event in events if isinstance(event, StockJoined | StockChanged | StockLeft)
    ]
    assert changes == [(StockChanged, "B"), (StockJoined, "D"), (StockLeft, "A")]


async def test_a_user_gets_one_newest_update_of_each_stock(server: ScriptedServer, ticker: TickerClient) -> None:
    """What was missed while away comes as one update per stock with its count, whatever became of the subscriptions."""
    slower = watched("CHANGED")
    slower.frequency.seconds = 60
    before = [watched(stock_id) for stock_id in ("SAME", "QUIET", "CHANGED", "LEFT", "PACED")]
    empty, each = watched("EMPTY", has_price=False), watched("EACH", every_tick=True)
    newly_each, newly_paced = watched("PACED", every_tick=True), watched("EACH")
    taken = asyncio.Event()
    numbers = [updates(*(stock_update(stock.stock_id, 7) for stock in [*before, each]), kind=SNAPSHOT)]
    after = [watched("SAME"), watched("QUIET"), slower, newly_each, newly_paced, watched("EMPTY"), watched("NEW")]
    missed = [("SAME", 12), ("CHANGED", 12), ("PACED", 8), ("PACED", 9), ("EACH", 12), ("EMPTY", 3)]
    play(
        server,
        [opened(*before, empty, each), *numbers, caught_up(), taken, LOST],
        [
            opened(*after),
            updates(stock_update("NEW", 50), kind=SNAPSHOT),
            updates(*(stock_update(stock_id, number) for stock_id, number in missed), kind=REPLAY),
            caught_up(6),
            None,
        ],
    )
    async with ticker.watch(reconnect=Pauses().reconnect()) as watch:
        events = await events_until(watch, CaughtUp)
        taken.set()
        events = await events_until(watch, Reconnected)

    places = [("SAME", 7), ("QUIET", 7), ("CHANGED", 7), ("LEFT", 7), ("PACED", 7), ("EMPTY", 0), ("EACH", 7)]
    assert resumes(server) == [None, at(*places)]
    assert [item for item in told(events) if isinstance(item, Gap | tuple)] == [
        ("NEW", 50, 0),
        ("SAME", 12, 4),
        ("CHANGED", 12, 4),
        ("PACED", 8, 0),
        ("PACED", 9, 0),
        ("EACH", 12, 4),
        ("EMPTY", 3, 2),
    ]
    changes = [
        (type(event), event.stock_id) for event in events if isinstance(event, StockJoined | StockChanged | StockLeft)
    ]
    assert changes == [
        (StockChanged, "CHANGED"),
        (StockChanged, "PACED"),
        (StockChanged, "EACH"),
        (StockJoined, "NEW"),
        (StockLeft, "LEFT"),
    ]


async def test_a_user_that_was_away_twice_gets_one_update(server: ScriptedServer, ticker: TickerClient) -> None:
    """A program that takes nothing during two breaks gets one update per stock, which counts all that it replaced."""
    taken = asyncio.Event()
    play(
        server,
        [*begun(PACED), taken, LOST],
        [*resumed(9, stock=PACED)[:-1], updates(stock_update("AAPL", 11)), LOST],
        [*resumed(15, stock=PACED)[:-1], go_away(wire.GO_AWAY_REASON_REPLAY_COMPLETE)],
    )
    async with ticker.watch(reconnect=Pauses().reconnect()) as watch:
        await events_until(watch, CaughtUp)
        taken.set()
        await received_all(watch)
        events = [event async for event in watch]

    assert [item for item in told(events) if isinstance(item, Gap | tuple)] == [("AAPL", 15, 7)]
    assert resumes(server) == [None, at(("AAPL", 7)), at(("AAPL", 11))]


async def test_the_feed_is_told_across_streams(server: ScriptedServer, ticker: TickerClient) -> None:
    """A feed that is another one after the break is told, and one that is the same is not."""
    stale = heartbeat(feed=wire.FEED_STATE_STALE)
    taken = asyncio.Event()
    play(server, [*begun(), stale, taken, LOST], [*resumed()[:-1], stale, LOST], [*resumed()[:-1], heartbeat(), None])
    async with ticker.watch("AAPL", every_tick=True, reconnect=Pauses().reconnect()) as watch:
        events = await events_until(watch, FeedChanged)
        taken.set()
        events += await events_until(watch, FeedChanged)

    assert [event.state.value for event in events if isinstance(event, FeedChanged)] == ["STALE", "LIVE"]


async def test_ready_outlasts_a_break(server: ScriptedServer, ticker: TickerClient) -> None:
    """`ready()` waits on when the stream breaks before it has caught up."""
    play(server, [opened(EACH), LOST], resumed(8))
    async with ticker.watch("AAPL", every_tick=True, reconnect=Pauses().reconnect()) as watch:
        await watch.ready()


async def test_leaving_during_a_pause_leaves_no_task(server: ScriptedServer, asyncio_ticker: TickerClient) -> None:
    """A watch that waits for its next attempt is closed at once."""
    pausing = asyncio.Event()

    class Endless(Pauses):
        async def sleep(self, _: float) -> None:
            pausing.set()
            await asyncio.Event().wait()

    play(server, [*begun(), LOST])
    async with asyncio_ticker.watch("AAPL", every_tick=True, reconnect=Endless().reconnect()):
        await pausing.wait()

    assert "ticker watch" not in {task.get_name() for task in asyncio.all_tasks()}


async def test_a_program_that_comes_back_goes_on_where_it_stood(server: ScriptedServer, ticker: TickerClient) -> None:
    """`watch.resume` is behind what the program took, not what was received; another watch goes on from there."""
    play(server, [*begun(), updates(stock_update("AAPL", 8)), updates(stock_update("AAPL", 9)), go_away()], resumed(9))
    async with ticker.watch("AAPL", every_tick=True, reconnect=False) as watch:
        await received_all(watch)
        while (event := await anext(watch)) and getattr(event, "tick_number", 0) < 8:
            pass
        kept = watch.resume.to_json()
    async with ticker.watch("AAPL", "MSFT", every_tick=True, resume=Resume.from_json(kept)) as watch:
        assert watch.resume == Resume("e-1", (Position("AAPL", 80, 8),))
        events = await events_until(watch, CaughtUp)
        assert watch.resume == Resume("e-1", (Position("AAPL", 90, 9),))

    assert resumes(server) == [None, at(("AAPL", 8))]
    assert told(events) == [("AAPL", 9, 0), CaughtUp]


async def test_positions_of_other_stocks_are_not_sent(server: ScriptedServer, ticker: TickerClient) -> None:
    """A watch that does not follow a stock any longer leaves out its position, because the server would refuse it."""
    play(server, resumed(8))
    resume = Resume("e-1", (Position("MSFT", 5, 1), Position("AAPL", 70, 7)))
    async with ticker.watch("AAPL", every_tick=True, resume=resume) as watch:
        await events_until(watch, CaughtUp)

    assert resumes(server) == [at(("AAPL", 7))]


async def test_an_older_server_is_watched_afresh_by_a_program_that_comes_back(
    server: ScriptedServer, ticker: TickerClient
) -> None:
    """A resume that is not built yet is no refusal of the watch; what the numbers leave out is told."""
    play(server, [NOT_BUILT], [*begun(number=9), None])
    resume = Resume("e-1", (Position("AAPL", 70, 7),))
    async with ticker.watch("AAPL", every_tick=True, resume=resume, reconnect=False) as watch:
        events = await events_until(watch, CaughtUp)

    assert told(events) == [Gap("AAPL", 8, 8, GapReason.UNEXPLAINED), ("AAPL", 9, 0), CaughtUp]


async def test_a_replay_that_nobody_takes_may_break(server: ScriptedServer, ticker: TickerClient) -> None:
    """A program that waits in `ready()` gets ready, though a replay breaks that fills more than half of the buffer."""
    past = [updates(stock_update("AAPL", number), kind=REPLAY) for number in range(1, 14)]
    play(server, [opened(EACH), *past, LOST], resumed(14))
    async with ticker.watch("AAPL", every_tick=True, buffer_size=20, reconnect=Pauses().reconnect()) as watch:
        await watch.ready()
        events = await events_until(watch, Reconnected)
    gc.collect()

    assert [item[1] for item in told(events) if isinstance(item, tuple)] == [*range(1, 15)]


async def test_a_replay_that_breaks_while_it_waits_goes_on(server: ScriptedServer, ticker: TickerClient) -> None:
    """A program that is slow with the past loses nothing of it, whatever breaks meanwhile."""
    first, rest = ([updates(stock_update("AAPL", n), kind=REPLAY) for n in numbers] for numbers in (range(8, 20), [20]))
    play(server, [*begun(), LOST], [opened(EACH), *first, LOST], [opened(EACH), *rest, caught_up(1), None])
    async with ticker.watch("AAPL", every_tick=True, buffer_size=10, reconnect=Pauses().reconnect()) as watch:
        events = await events_until(watch, Reconnected)

    assert [item[1] for item in told(events) if isinstance(item, tuple)] == [*range(7, 21)]
    assert resumes(server)[2:] == [at(("AAPL", 19))]


async def test_a_buffer_keeps_its_policy_across_streams(server: ScriptedServer, ticker: TickerClient) -> None:
    """A program that lets too many ticks of several streams wait is too slow, if it asked to be told so."""
    live = [updates(stock_update("AAPL", number)) for number in range(9, 30)]
    play(server, [*begun(), updates(stock_update("AAPL", 8)), LOST], [*resumed()[:-1], *live, None])
    policy = LagPolicy.DISCONNECT
    async with ticker.watch(
        "AAPL", every_tick=True, buffer_size=10, lag_policy=policy, reconnect=Pauses().reconnect()
    ) as watch:
        await received_all(watch)
        with pytest.raises(ReaderTooSlow):
            _ = [event async for event in watch]
