"""The past that a watch asks for, and from where its next stream goes on."""

from __future__ import annotations

from datetime import UTC, datetime

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from ticker.v1 import watch_service_pb2 as wire
from ticker.v1.tick_pb2 import StockUpdate
from ticker.v1.watch_service_pb2 import WatchStocksRequest, WatchStocksResponse

from tests.ticker_client.breaking_watch import Pauses, Step, at, events_until, play, told
from tests.ticker_client.messages import (
    REPLAY,
    SNAPSHOT,
    caught_up,
    change,
    gap,
    go_away,
    heartbeat,
    opened,
    updates,
    watched,
)
from tests.ticker_client.messages import stock_update as update
from tests.ticker_client.scripted_server import Refuse, ScriptedServer
from ticker_client import (
    CaughtUp,
    Disconnected,
    Event,
    Gap,
    GapReason,
    GoAway,
    InvalidArgument,
    Position,
    Reconnected,
    Resume,
    StockJoined,
    TickerClient,
    Update,
    UpdateKind,
    Watch,
)
from ticker_client.replay import Replay, ask_for_past

START, END = 1_000, 2_000
SECOND = 1_000_000_000
LOST = Refuse(grpc.StatusCode.UNAVAILABLE, "", "Socket closed")
COMPLETE = go_away(wire.GO_AWAY_REASON_REPLAY_COMPLETE)
A, B = watched("A", every_tick=True), watched("B", every_tick=True)
UNPRICED = watched("B", every_tick=True, has_price=False)


def asking(*stock_ids: str, end: int | None = None, placed: tuple[str, ...] = ()) -> Replay:
    """Return the replay of a watch of stocks from START on."""
    request = WatchStocksRequest(stock_ids=stock_ids, every_tick=True)
    ask_for_past(request, START, end)
    return Replay(request, placed)


def tick(stock_id: str, accept_time: int) -> StockUpdate:
    """Return a tick that was accepted at so many nanoseconds since the epoch."""
    return StockUpdate(stock_id=stock_id, accept_time=Timestamp(nanos=accept_time))


def test_times_are_asked_for_exactly() -> None:
    """A time may be a datetime, or nanoseconds, which are kept; without a start nothing is asked for."""
    request, plain = WatchStocksRequest(stock_ids=["A"], every_tick=True), WatchStocksRequest()
    ask_for_past(request, datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC), 1_000_000_001)
    ask_for_past(plain, None, None)

    assert (request.start_time, request.end_time) == (Timestamp(seconds=1), Timestamp(seconds=1, nanos=1))
    assert plain == WatchStocksRequest()


@pytest.mark.parametrize(
    ("stock_ids", "every_tick", "start", "end", "told"),
    [
        (["A"], True, None, 5, "an end_time needs a start_time"),
        ([], True, 5, None, "a start_time needs stock ids"),
        (["A"], False, 5, None, "a start_time needs every_tick"),
        (["A"], True, 5, 5, "end_time must be after start_time"),
    ],
)
def test_what_does_not_go_together_is_refused(
    stock_ids: list[str], start: int | None, end: int | None, told: str, *, every_tick: bool
) -> None:
    """What the server would refuse is refused here, in words of the SDK."""
    with pytest.raises(InvalidArgument, match=f"INVALID_WATCH: {told}"):
        ask_for_past(WatchStocksRequest(stock_ids=stock_ids, every_tick=every_tick), start, end)


def test_a_time_without_a_zone_is_refused() -> None:
    """A naive datetime names no instant."""
    request = WatchStocksRequest(stock_ids=["A"], every_tick=True)
    naive = datetime(2026, 1, 1)  # noqa: DTZ001 - that is what is refused
    for times in ((naive, None), (5, naive)):
        with pytest.raises(ValueError, match="no time zone"):
            ask_for_past(request, *times)


def test_it_begins_at_the_start() -> None:
    """Until something is known to be delivered, each stream asks for the start."""
    replay = asking("A", "B")
    assert replay.start() == START
    replay.take(tick("A", 1_500))
    assert replay.start() == START


def test_it_goes_on_where_all_was_delivered() -> None:
    """It goes on at the newest `read_through`, or where the stock that is furthest behind stands; it never goes back."""
    replay = asking("A", "B", end=END)
    replay.take_through(1_200)
    replay.take_through(1_100)
    replay.take(tick("A", 1_500))
    assert replay.start() == 1_200
    replay.take(tick("B", 1_300))
    assert replay.start() == 1_300
    replay.take_through(1_400)
    assert replay.start() == 1_400


def test_all_stocks_have_no_one_furthest_behind() -> None:
    """Of all stocks it is never known that each has come."""
    replay = asking("*", end=END)
    replay.take(tick("A", 1_500))

    assert replay.start() == START


def test_a_start_lies_before_the_end() -> None:
    """Also a replay of which all was delivered asks for its end, so that the server can say that it is there."""
    replay = asking("A", end=END)
    replay.take_through(3_000)

    assert replay.start() == END - 1


def test_positions_say_all_if_each_stock_has_one() -> None:
    """A list goes on by positions if all stocks but the refused ones have one; with an end never."""
    assert asking("A", "B").resumes({"A", "B", "C"}, (), ())
    assert not asking("A", "B").resumes({"A"}, {"A"}, ())
    assert asking("A", "B").resumes({"A"}, (), {"B"})
    assert not asking("A", end=END).resumes({"A"}, {"A"}, ())


def test_positions_of_all_stocks_say_all_if_each_that_is_known_has_one() -> None:
    """A watch of all stocks goes on by positions if each stock has one, and always if it has begun with some."""
    assert asking("*").resumes({"A", "B"}, {"A"}, ())
    assert not asking("*").resumes({"A"}, {"A", "B"}, ())
    assert not asking("*").resumes(set(), (), ())
    assert asking("*", placed=("A",)).resumes({"A"}, {"A", "B"}, ())


def test_what_is_from_before_the_start_was_not_asked_for() -> None:
    """Of a stock that took over no position what is older than the start does not count, if all stocks are watched."""
    early = [tick("A", 999), tick("B", 999)]

    assert [asking("*", placed=("A",)).covers(update) for update in early] == [True, False]
    assert [asking("*").covers(update) for update in early] == [True, True]
    assert asking("*", placed=("A",)).covers(tick("B", START))


# Over a real socket. Tick n of a stock was accepted in second n, and 7 ns.


def past(*ticks: tuple[str, int]) -> WatchStocksResponse:
    """Return a message of replayed ticks."""
    return updates(*(update(stock_id, number) for stock_id, number in ticks), kind=REPLAY)


def watching(ticker: TickerClient, *stock_ids: str, start: int = 5, end: int | None = None, kept: str = "") -> Watch:
    """Return a watch from second `start` on, which comes back at once, and goes on from what was kept."""
    return ticker.watch(
        *stock_ids,
        every_tick=True,
        start_time=start * SECOND,
        end_time=None if end is None else end * SECOND,
        resume=Resume.from_json(kept) if kept else None,
        reconnect=Pauses().reconnect(),
    )


def asked(server: ScriptedServer) -> list[object]:
    """Return from where each stream was asked to begin: seconds and nanoseconds, or positions; (0, 0) = nowhere."""
    return [
        request.resume if request.HasField("resume") else (request.start_time.seconds, request.start_time.nanos)
        for request in server.requests
    ]


async def test_a_replay_goes_live(server: ScriptedServer, ticker: TickerClient) -> None:
    """The ticks from the start come as REPLAY, each as it is, then CaughtUp says how many, and it goes on live."""
    play(server, [opened(A, B), past(("A", 5), ("A", 6), ("B", 9)), caught_up(3), updates(update("A", 7)), None])
    async with watching(ticker, "A", "B") as watch:
        await watch.ready()
        events = await events_until(watch, Update, 4)

    assert told(events) == [("A", 5, 0), ("A", 6, 0), ("B", 9, 0), CaughtUp, ("A", 7, 0)]
    kinds = [event.kind for event in events if isinstance(event, Update)]
    assert kinds == [*[UpdateKind.REPLAY] * 3, UpdateKind.LIVE]
    assert CaughtUp(3) in events


@pytest.mark.parametrize("catches_up", [True, False])
async def test_a_replay_with_an_end_ends(server: ScriptedServer, ticker: TickerClient, *, catches_up: bool) -> None:
    """After REPLAY_COMPLETE the iteration ends, and the watch was ready, whether the server said caught_up or not."""
    play(server, [opened(A), past(("A", 5)), *([caught_up(1)] if catches_up else []), COMPLETE])
    async with watching(ticker, "A", end=6) as watch:
        await watch.ready()
        events = [event async for event in watch]

    assert [item for item in told(events) if item is not CaughtUp] == [("A", 5, 0), GoAway]
    assert [(request.start_time.seconds, request.end_time.seconds) for request in server.requests] == [(5, 6)]


@pytest.mark.parametrize(("stock_ids", "named"), [(("A", "B"), [A, B]), (("*",), [A])])
async def test_a_broken_replay_begins_again_and_tells_nothing_twice(
    server: ScriptedServer, ticker: TickerClient, stock_ids: tuple[str, ...], named: list[wire.WatchedStock]
) -> None:
    """As long as a stock has no position the replay begins at its start again; repeats are dropped and not counted."""
    again = [opened(A, B), past(("A", 5), ("A", 6), ("B", 8), ("A", 7)), caught_up(4), None]
    play(server, [opened(*named), past(("A", 5), ("A", 6)), LOST], again)
    async with watching(ticker, *stock_ids) as watch:
        events = await events_until(watch, Reconnected)
        assert watch.statistics().dropped == 2

    assert [item for item in told(events) if item is not StockJoined] == [
        ("A", 5, 0),
        ("A", 6, 0),
        Disconnected,
        ("B", 8, 0),
        ("A", 7, 0),
        CaughtUp,
        Reconnected,
    ]
    assert asked(server) == [(5, 0), (5, 0)]
    assert CaughtUp(2) in events
    assert isinstance(events[-1], Reconnected)
    assert events[-1].replayed_count == 2


@pytest.mark.parametrize("other", [UNPRICED, None])
async def test_a_replay_whose_stocks_all_have_a_position_is_resumed(
    server: ScriptedServer, ticker: TickerClient, other: wire.WatchedStock | None
) -> None:
    """Where positions say all of it they are used, also before the replay is complete; no price yet is a position."""
    first = [opened(A, *filter(None, [other])), past(("A", 5), ("A", 6)), LOST]
    play(server, first, [opened(A), past(("A", 7)), caught_up(1), None])
    stock_ids = ["A"] if other is None else ["A", "B"]
    async with watching(ticker, *stock_ids) as watch:
        events = await events_until(watch, Reconnected)

    assert [item for item in told(events) if isinstance(item, tuple)] == [("A", 5, 0), ("A", 6, 0), ("A", 7, 0)]
    assert asked(server) == [(5, 0), at(("A", 6), *([] if other is None else [("B", 0)]))]


@pytest.mark.parametrize("stock_ids", [("A", "B"), ("*",)])
async def test_a_live_watch_goes_on_where_its_heartbeat_says(
    server: ScriptedServer, ticker: TickerClient, stock_ids: tuple[str, ...]
) -> None:
    """Once caught up it goes on at the newest `read_through`, as long as a stock has no position; it never goes back."""
    early, late, back = heartbeat(read_through=8), heartbeat(read_through=20), heartbeat(read_through=19)
    play(
        server,
        [opened(A, B), early, past(("A", 5)), LOST],
        [opened(A, B), past(("A", 5), ("A", 6)), caught_up(2), late, back, updates(update("A", 7)), LOST],
        [opened(A, B), past(("A", 7)), LOST],
        [opened(A, B), past(("A", 7), ("B", 30)), caught_up(2), LOST],
        [opened(A, B), caught_up(), None],
    )
    async with watching(ticker, *stock_ids) as watch:
        events = await events_until(watch, Reconnected, 3)

    assert [item for item in told(events) if isinstance(item, tuple)] == [
        ("A", 5, 0),
        ("A", 6, 0),
        ("A", 7, 0),
        ("B", 30, 0),
    ]
    assert asked(server) == [(5, 0), (5, 0), (20, 0), (20, 0), at(("A", 7), ("B", 30))]
    replayed = [event.replayed_count for event in events if isinstance(event, Reconnected)]
    assert replayed == [1, 1, 0]


async def test_each_stream_of_a_replay_has_its_end(server: ScriptedServer, ticker: TickerClient) -> None:
    """With an end there are no positions on the wire: it goes on where the stock that is furthest behind stands."""
    play(
        server,
        [opened(A, B), past(("A", 5), ("A", 6)), LOST],
        [opened(A, B), past(("A", 5), ("A", 6), ("B", 7), ("A", 7)), LOST],
        [opened(A, B), past(("B", 7), ("A", 7), ("A", 8), ("B", 8)), caught_up(4), heartbeat(read_through=9), LOST],
        [opened(A, B), past(("A", 8), ("B", 8)), caught_up(2), COMPLETE],
    )
    async with watching(ticker, "A", "B", end=9) as watch:
        events = [event async for event in watch]

    assert [item for item in told(events) if isinstance(item, tuple)] == [
        ("A", 5, 0),
        ("A", 6, 0),
        ("B", 7, 0),
        ("A", 7, 0),
        ("A", 8, 0),
        ("B", 8, 0),
    ]
    assert not [event for event in events if isinstance(event, Gap)]
    assert asked(server) == [(5, 0), (5, 0), (7, 7), (8, SECOND - 1)]
    assert {request.end_time.seconds for request in server.requests} == {9}


async def test_a_program_that_comes_back_goes_on_by_its_positions(server: ScriptedServer, ticker: TickerClient) -> None:
    """Positions come before the start where each stock has one; where one has none it begins again, without repeats."""
    play(server, [opened(A), past(("A", 5), ("A", 6)), None])
    async with watching(ticker, "A", "B") as watch:
        await events_until(watch, Update, 2)
        kept = watch.resume.to_json()
    for stock_ids, sent, begun in (
        (("A",), past(("A", 7)), at(("A", 6))),
        (("A", "B"), past(("A", 5), ("A", 6), ("B", 6), ("A", 7)), (5, 0)),
    ):
        play(server, [opened(A, B), sent, caught_up(len(sent.updates)), None])
        async with watching(ticker, *stock_ids, kept=kept) as watch:
            events = await events_until(watch, CaughtUp)
        assert asked(server)[-1] == begun
        assert told(events) == [*([("B", 6, 0)] if len(stock_ids) > 1 else []), ("A", 7, 0), CaughtUp]


async def test_a_program_that_comes_back_to_all_stocks(server: ScriptedServer, ticker: TickerClient) -> None:
    """Of all stocks positions are enough; what the server replays of others from before the start is left out."""
    kept = Resume("e-1", (Position("A", 60, 6),)).to_json()
    play(server, [opened(A, B), past(("B", 3), ("B", 4), ("A", 7), ("B", 5)), caught_up(4), None])
    async with watching(ticker, "*", kept=kept) as watch:
        events = await events_until(watch, CaughtUp)

    assert asked(server) == [at(("A", 6))]
    assert told(events) == [("A", 7, 0), ("B", 5, 0), CaughtUp]
    assert events[-1] == CaughtUp(2)


@pytest.mark.parametrize("reason", ["INVALID_RESUME", "NOT_IMPLEMENTED"])
async def test_positions_that_are_refused_begin_the_replay_again(
    server: ScriptedServer, ticker: TickerClient, reason: str
) -> None:
    """Where positions cannot be used the replay begins at its start, and not with a snapshot."""
    code = grpc.StatusCode.INVALID_ARGUMENT if reason == "INVALID_RESUME" else grpc.StatusCode.UNIMPLEMENTED
    kept = Resume("e-1", (Position("A", 60, 6),)).to_json()
    play(server, [Refuse(code, reason, "no")], [opened(A), past(("A", 5), ("A", 6), ("A", 7)), caught_up(3), None])
    async with watching(ticker, "A", kept=kept) as watch:
        events = await events_until(watch, CaughtUp)

    assert asked(server) == [at(("A", 6)), (5, 0)]
    lost = Gap("A", 0, 0, GapReason.LOG_REPLACED)
    afresh: list[Step | object] = [lost, ("A", 5, 0), ("A", 6, 0), ("A", 7, 0), CaughtUp]
    assert told(events) == (afresh if reason == "INVALID_RESUME" else [("A", 7, 0), CaughtUp])


async def test_another_price_log_is_told_for_each_stock(server: ScriptedServer, ticker: TickerClient) -> None:
    """Of a stock of which nothing came something may be missing in the new log too, if its past was asked for."""
    first = [opened(A, B), past(("A", 5)), caught_up(1), heartbeat(read_through=50), LOST]
    play(server, first, [opened(A, B, log_epoch="e-2"), past(("A", 2)), caught_up(1), None])
    async with watching(ticker, "A", "B") as watch:
        events = await events_until(watch, Reconnected)

    assert asked(server) == [(5, 0), (50, 0)]
    lost = [Gap(stock_id, 0, 0, GapReason.LOG_REPLACED) for stock_id in ("A", "B")]
    assert told(events)[3:] == [lost[0], ("A", 2, 0), lost[1], CaughtUp, Reconnected]


async def test_another_price_log_is_told_to_a_program_that_comes_back(
    server: ScriptedServer, ticker: TickerClient
) -> None:
    """All stocks that have a price are told to have lost something, also those that the program has no position of."""
    kept = Resume("e-1", (Position("A", 60, 6),)).to_json()
    server_gap = gap("A", 0, 0, wire.GAP_REASON_LOG_REPLACED)
    snapshots = updates(update("A", 2), update("B", 2), kind=SNAPSHOT)
    new = watched("C", every_tick=True, has_price=False)
    joined = [
        change(wire.CHANGE_KIND_JOINED, watched("D", every_tick=True)),
        updates(update("D", 9), kind=SNAPSHOT),
    ]
    play(server, [opened(A, B, new, log_epoch="e-2"), server_gap, snapshots, caught_up(), *joined, None])
    async with watching(ticker, "*", kept=kept) as watch:
        events: list[Event] = await events_until(watch, CaughtUp)
        later = await events_until(watch, Update)

    lost = [Gap(stock_id, 0, 0, GapReason.LOG_REPLACED) for stock_id in ("A", "B")]
    assert told(events) == [lost[0], ("A", 2, 0), lost[1], ("B", 2, 0), CaughtUp]
    assert told(later) == [StockJoined, ("D", 9, 0)]


async def test_the_start_of_a_replay_may_be_gone(server: ScriptedServer, ticker: TickerClient) -> None:
    """What the log no longer holds is a gap, told once, though each stream begins at the same start."""
    truncated = gap("A", 3, 5, wire.GAP_REASON_LOG_TRUNCATED)
    play(
        server,
        [opened(A, B), truncated, past(("A", 6)), LOST],
        [opened(A, B), truncated, past(("A", 6), ("A", 7)), caught_up(2), None],
    )
    async with watching(ticker, "A", "B", start=1) as watch:
        events = await events_until(watch, Reconnected)

    assert [item for item in told(events) if not isinstance(item, type)] == [
        Gap("A", 3, 5, GapReason.LOG_TRUNCATED),
        ("A", 6, 0),
        ("A", 7, 0),
    ]
