"""The watch over a real socket, against a server that does what each test says."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import grpc
import pytest
from ticker.v1 import watch_service_pb2 as wire
from ticker.v1.watch_service_pb2 import WatchStocksRequest

from tests.ticker_client.each_client import Connect, received_all
from tests.ticker_client.messages import (
    REPLAY,
    SNAPSHOT,
    caught_up,
    go_away,
    heartbeat,
    opened,
    stock_update,
    updates,
    watched,
)
from tests.ticker_client.scripted_server import Refuse, ScriptedServer, Send, silence
from ticker_client import (
    CaughtUp,
    ClientMisused,
    FeedChanged,
    Gap,
    GapReason,
    GoAway,
    GoAwayReason,
    Heartbeat,
    HeartbeatMissed,
    LagPolicy,
    NotFound,
    Opened,
    Position,
    ReaderTooSlow,
    Resume,
    ServerUnreachable,
    TickerClient,
    Update,
    UpdateKind,
    Watch,
    WatchBroken,
)


async def test_a_watch_yields_snapshots_then_caught_up_then_live_updates(
    server: ScriptedServer, ticker: TickerClient
) -> None:
    """A watch yields the snapshot, CaughtUp and the live updates in the order in which they were sent."""

    async def script(request: WatchStocksRequest, send: Send) -> None:
        await send(opened(watched("AAPL", every_tick=True)))
        await send(updates(stock_update("AAPL", 7), kind=SNAPSHOT))
        await send(caught_up())
        await send(updates(stock_update("AAPL", 8), stock_update("AAPL", 9)))
        await send(go_away())

    server.script = script
    async with ticker.watch("AAPL", every_tick=True, reconnect=False) as watch:
        events = [event async for event in watch]

    kinds = [(type(event), getattr(event, "tick_number", 0)) for event in events]
    assert kinds == [(Update, 7), (CaughtUp, 0), (Update, 8), (Update, 9), (GoAway, 0)]
    assert [event.kind for event in events if isinstance(event, Update)] == [
        UpdateKind.SNAPSHOT,
        UpdateKind.LIVE,
        UpdateKind.LIVE,
    ]
    assert events[-1] == GoAway(GoAwayReason.DRAINING, timedelta(seconds=1.5))


async def test_opened_says_what_is_followed_and_what_was_refused(server: ScriptedServer, ticker: TickerClient) -> None:
    """`opened` is there as soon as `async with` is entered, with stocks and refusals."""

    async def script(request: WatchStocksRequest, send: Send) -> None:
        message = opened(watched("AAPL"))
        message.opened.refusals.add(stock_id="APPL", reason="STOCK_NOT_FOUND", message="no such stock")
        await send(message)
        await silence()

    server.script = script
    async with ticker.watch("AAPL", "APPL", reconnect=False) as watch:
        assert [stock.stock_id for stock in watch.opened.stocks] == ["AAPL"]
        assert [refusal.reason for refusal in watch.opened.refusals] == ["STOCK_NOT_FOUND"]
        assert watch.opened.lag_policy is LagPolicy.CONFLATE


async def test_ready_waits_for_caught_up_without_taking_events(server: ScriptedServer, ticker: TickerClient) -> None:
    """`ready()` returns once caught_up has come, and the events before it are still there to be taken."""

    async def script(request: WatchStocksRequest, send: Send) -> None:
        await send(opened(watched("AAPL")))
        await send(updates(stock_update("AAPL", 7), kind=SNAPSHOT))
        await send(caught_up())
        await silence()

    server.script = script
    async with ticker.watch("AAPL", reconnect=False) as watch:
        await watch.ready()

        first = await anext(watch)
        assert isinstance(first, Update)


async def test_a_refused_watch_raises_on_entering(server: ScriptedServer, ticker: TickerClient) -> None:
    """A watch that the server refuses raises its error when `async with` is entered."""

    async def script(request: WatchStocksRequest, send: Send) -> None:
        raise Refuse(grpc.StatusCode.NOT_FOUND, "STOCK_NOT_FOUND", 'stock "APPL" does not exist')

    server.script = script
    with pytest.raises(NotFound) as caught:
        async with ticker.watch("APPL", reconnect=False):
            pass

    assert str(caught.value) == 'STOCK_NOT_FOUND: stock "APPL" does not exist'


async def test_a_watch_that_the_server_does_not_open_in_time_raises(server: ScriptedServer, connect: Connect) -> None:
    """A server that takes the call and says nothing makes entering raise ServerUnreachable, and the call is ended."""

    async def script(request: WatchStocksRequest, send: Send) -> None:
        await silence()

    server.script = script
    async with connect(server.target, timeout=timedelta(milliseconds=50)) as ticker:
        with pytest.raises(ServerUnreachable) as caught:
            async with ticker.watch("AAPL", reconnect=False):
                pass
        await server.ended_watches.get()

    assert caught.value.retryable


async def test_ok_without_go_away_is_a_broken_watch(server: ScriptedServer, ticker: TickerClient) -> None:
    """A stream that ends with OK and no go_away raises WatchBroken after what was received."""

    async def script(request: WatchStocksRequest, send: Send) -> None:
        await send(opened(watched("AAPL")))
        await send(updates(stock_update("AAPL", 7), kind=SNAPSHOT))

    server.script = script
    async with ticker.watch("AAPL", reconnect=False) as watch:
        assert isinstance(await anext(watch), Update)
        with pytest.raises(WatchBroken) as caught:
            await anext(watch)

    assert (caught.value.reason, caught.value.retryable) == ("ENDED_WITHOUT_GO_AWAY", True)


async def test_a_reason_in_mid_stream_is_raised_as_its_error(server: ScriptedServer, ticker: TickerClient) -> None:
    """A stream that the server ends with one of our reasons raises the error of that reason."""

    async def script(request: WatchStocksRequest, send: Send) -> None:
        await send(opened(watched("AAPL")))
        raise Refuse(grpc.StatusCode.RESOURCE_EXHAUSTED, "READER_TOO_SLOW", "read faster")

    server.script = script
    async with ticker.watch("AAPL", reconnect=False) as watch:
        with pytest.raises(ReaderTooSlow):
            await anext(watch)


async def test_a_lost_connection_is_a_broken_watch(ticker: TickerClient, server: ScriptedServer) -> None:
    """A status without our details in mid-stream raises WatchBroken, which is retryable."""

    async def script(request: WatchStocksRequest, send: Send) -> None:
        await send(opened(watched("AAPL")))
        raise Refuse(grpc.StatusCode.UNAVAILABLE, "", "Cancelling all calls")

    server.script = script
    async with ticker.watch("AAPL", reconnect=False) as watch:
        with pytest.raises(WatchBroken) as caught:
            await anext(watch)
        with pytest.raises(WatchBroken):
            await watch.ready()

    assert caught.value.retryable


async def test_silence_beyond_the_promise_raises_heartbeat_missed(server: ScriptedServer, ticker: TickerClient) -> None:
    """A server that is silent for longer than its last heartbeat promised makes the watch raise HeartbeatMissed."""

    async def script(request: WatchStocksRequest, send: Send) -> None:
        await send(opened(watched("AAPL")))
        await send(heartbeat(next_within=timedelta(milliseconds=80)))
        await silence()

    server.script = script
    async with ticker.watch("AAPL", reconnect=False) as watch:
        with pytest.raises(HeartbeatMissed) as caught:
            await anext(watch)
        await server.ended_watches.get()

    assert caught.value.promised == timedelta(milliseconds=80)
    assert caught.value.retryable


async def test_silence_after_opened_is_judged_by_three_intervals(server: ScriptedServer, ticker: TickerClient) -> None:
    """Before the first heartbeat the promise is three of the intervals that `opened` names."""

    async def script(request: WatchStocksRequest, send: Send) -> None:
        await send(opened(watched("AAPL"), heartbeat=timedelta(milliseconds=20)))
        await silence()

    server.script = script
    async with ticker.watch("AAPL", reconnect=False) as watch:
        with pytest.raises(HeartbeatMissed) as caught:
            await watch.ready()

    assert caught.value.promised == timedelta(milliseconds=60)


async def test_all_events_has_opened_and_heartbeats_too(server: ScriptedServer, ticker: TickerClient) -> None:
    """`all_events()` yields Opened and Heartbeat as well, which plain iteration leaves out."""

    async def script(request: WatchStocksRequest, send: Send) -> None:
        await send(opened(watched("AAPL")))
        await send(heartbeat(feed=wire.FEED_STATE_STALE))
        await send(go_away())

    server.script = script
    async with ticker.watch("AAPL", reconnect=False) as watch:
        everything = [type(event) async for event in watch.all_events()]
    async with ticker.watch("AAPL", reconnect=False) as watch:
        plain = [type(event) async for event in watch]

    assert everything == [Opened, FeedChanged, Heartbeat, GoAway]
    assert plain == [FeedChanged, GoAway]


async def test_leaving_early_ends_the_call_and_leaves_no_task(
    server: ScriptedServer, asyncio_ticker: TickerClient
) -> None:
    """Leaving `async with` in mid-stream ends the server's handler and leaves no task behind."""

    async def script(request: WatchStocksRequest, send: Send) -> None:
        await send(opened(watched("AAPL")))
        await silence()

    server.script = script
    async with asyncio_ticker.watch("AAPL", reconnect=False):
        assert "ticker watch" in {task.get_name() for task in asyncio.all_tasks()}
    await server.ended_watches.get()

    assert "ticker watch" not in {task.get_name() for task in asyncio.all_tasks()}


async def test_a_cancelled_reader_leaves_no_task(server: ScriptedServer, asyncio_ticker: TickerClient) -> None:
    """A task that is cancelled while it waits for an event ends as cancelled, and its watch is closed."""
    waiting = asyncio.Event()

    async def script(request: WatchStocksRequest, send: Send) -> None:
        await send(opened(watched("AAPL")))
        await silence()

    async def program() -> None:
        async with asyncio_ticker.watch("AAPL", reconnect=False) as watch:
            waiting.set()
            await anext(watch)

    server.script = script
    task = asyncio.create_task(program())
    await waiting.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await server.ended_watches.get()

    assert "ticker watch" not in {task.get_name() for task in asyncio.all_tasks()}


async def test_closing_ends_the_iteration_of_another_task(server: ScriptedServer, asyncio_ticker: TickerClient) -> None:
    """A task that iterates ends its loop when the owner of the watch leaves `async with`."""

    async def script(request: WatchStocksRequest, send: Send) -> None:
        await send(opened(watched("AAPL")))
        await silence()

    async def iterate(watch: Watch) -> int:
        return len([event async for event in watch])

    server.script = script
    async with asyncio_ticker.watch("AAPL", reconnect=False) as watch:
        task = asyncio.create_task(iterate(watch))
        await asyncio.sleep(0)

    assert await task == 0


async def test_closing_the_client_ends_its_watches(server: ScriptedServer, connect: Connect) -> None:
    """A watch whose client is closed raises ClientMisused, and does not hang."""

    async def script(request: WatchStocksRequest, send: Send) -> None:
        await send(opened(watched("AAPL")))
        await silence()

    server.script = script
    async with connect(server.target) as ticker:
        watch = ticker.watch("AAPL", reconnect=False)
        await watch.__aenter__()
    with pytest.raises(ClientMisused) as caught:
        await anext(watch)
    await watch.__aexit__(None, None, None)

    assert caught.value.reason == "CLIENT_CLOSED"


async def test_where_a_program_stands_is_known_to_the_end(server: ScriptedServer, connect: Connect) -> None:
    """`resume` can be kept while the watch is open, after it, and after the client is closed."""

    async def script(request: WatchStocksRequest, send: Send) -> None:
        await send(opened(watched("AAPL")))
        await send(updates(stock_update("AAPL", 7), kind=SNAPSHOT))
        await silence()

    server.script = script
    async with connect(server.target) as ticker:
        async with ticker.watch("AAPL") as watch:
            await anext(watch)
            stands = [watch.resume]
        stands.append(watch.resume)

    assert [*stands, watch.resume] == [Resume("e-1", (Position("AAPL", 70, 7),))] * 3


async def test_a_watch_is_used_inside_async_with_and_once(server: ScriptedServer, ticker: TickerClient) -> None:
    """A watch that is not open, or was open before, raises ClientMisused."""

    async def script(request: WatchStocksRequest, send: Send) -> None:
        await send(opened(watched("AAPL")))
        await silence()

    server.script = script
    watch = ticker.watch("AAPL", reconnect=False)
    with pytest.raises(ClientMisused):
        _ = watch.opened
    with pytest.raises(ClientMisused):
        await watch.ready()
    with pytest.raises(ClientMisused):
        await anext(watch)
    async with watch:
        pass
    with pytest.raises(ClientMisused):
        await watch.__aenter__()


async def test_a_slow_program_gets_the_newest_price_with_a_frequency(
    server: ScriptedServer, ticker: TickerClient
) -> None:
    """With a frequency a program that takes nothing for a while gets one update, which counts those it replaced."""
    taken = asyncio.Event()

    async def script(request: WatchStocksRequest, send: Send) -> None:
        await send(opened(watched("AAPL")))
        await send(updates(stock_update("AAPL", 7), kind=SNAPSHOT))
        await send(caught_up())
        await taken.wait()
        for number in (9, 12, 20):
            await send(updates(stock_update("AAPL", number)))
        await send(go_away())

    server.script = script
    async with ticker.watch("AAPL", reconnect=False) as watch:
        assert isinstance(await anext(watch), Update)
        taken.set()
        await received_all(watch)
        rest = [event async for event in watch if isinstance(event, Update)]

    assert [(update.tick_number, update.superseded) for update in rest] == [(20, 12)]


async def test_a_slow_program_gets_a_gap_with_every_tick(server: ScriptedServer, ticker: TickerClient) -> None:
    """With every tick a program that lets more than the buffer wait gets a gap, and then the newest price."""

    async def script(request: WatchStocksRequest, send: Send) -> None:
        await send(opened(watched("AAPL", every_tick=True)))
        for number in range(1, 10):
            await send(updates(stock_update("AAPL", number)))
        await send(go_away())

    server.script = script
    async with ticker.watch("AAPL", every_tick=True, buffer_size=4, reconnect=False) as watch:
        await received_all(watch)
        events = [event async for event in watch if isinstance(event, Gap | Update)]

    assert events[0] == Gap("AAPL", 1, 8, GapReason.BUFFER_FULL)
    assert [event.tick_number for event in events if isinstance(event, Update)] == [9]


async def test_a_slow_program_is_disconnected_if_it_asked_for_that(
    server: ScriptedServer, ticker: TickerClient
) -> None:
    """With LagPolicy.DISCONNECT a buffer that overflows raises ReaderTooSlow after what it held."""

    async def script(request: WatchStocksRequest, send: Send) -> None:
        await send(opened(watched("AAPL", every_tick=True)))
        for number in range(1, 10):
            await send(updates(stock_update("AAPL", number)))
        await silence()

    server.script = script
    policy = LagPolicy.DISCONNECT
    async with ticker.watch("AAPL", every_tick=True, buffer_size=4, lag_policy=policy, reconnect=False) as watch:
        await server.ended_watches.get()
        with pytest.raises(ReaderTooSlow):
            _ = [event async for event in watch]


async def test_the_past_waits_for_a_slow_program(server: ScriptedServer, ticker: TickerClient) -> None:
    """A replay is read no faster than it is taken: nothing is folded, and what is not read is no silence."""
    count, held_up, ends = 2_000, asyncio.Event(), asyncio.Event()

    async def script(request: WatchStocksRequest, send: Send) -> None:
        await send(opened(watched("AAPL", every_tick=True), heartbeat=timedelta(milliseconds=100)))
        for number in range(1, count + 1):
            tick = stock_update("AAPL", number)
            tick.size = "1" * 1000
            sending = asyncio.ensure_future(send(updates(tick, kind=REPLAY)))
            await asyncio.wait([sending], timeout=0.5)
            if not sending.done():
                held_up.set()
            await sending
        await send(caught_up(count))
        await ends.wait()
        await send(go_away())

    server.script = script
    async with ticker.watch("AAPL", every_tick=True, buffer_size=100, reconnect=False) as watch:
        await held_up.wait()
        assert (watch.statistics().waiting, watch.statistics().live) == (52, False)
        events = [await anext(watch) for _ in range(count + 1)]
        ends.set()

    assert [event.tick_number for event in events if isinstance(event, Update)] == [*range(1, count + 1)]
    assert events[-1] == CaughtUp(count)


async def test_a_message_of_the_past_may_be_larger_than_the_buffer(
    server: ScriptedServer, ticker: TickerClient
) -> None:
    """A replay that comes in one message with its end is kept as it is, however small the buffer."""

    async def script(request: WatchStocksRequest, send: Send) -> None:
        message = updates(*(stock_update("AAPL", number) for number in range(1, 30)), kind=REPLAY)
        message.MergeFrom(caught_up(29))
        await send(opened(watched("AAPL", every_tick=True)))
        await send(message)
        await send(updates(stock_update("AAPL", 30)))
        await send(go_away())

    server.script = script
    async with ticker.watch("AAPL", every_tick=True, buffer_size=4, reconnect=False) as watch:
        events = [event async for event in watch]

    assert [event.tick_number for event in events if isinstance(event, Update)] == [*range(1, 31)]


async def test_the_past_does_not_wait_for_a_program_that_wants_to_be_ready(
    server: ScriptedServer, ticker: TickerClient
) -> None:
    """While a program waits in `ready()` it takes nothing, so everything is read, and folded if it is too much."""

    async def script(request: WatchStocksRequest, send: Send) -> None:
        await send(opened(watched("AAPL", every_tick=True)))
        for number in range(1, 10):
            await send(updates(stock_update("AAPL", number), kind=REPLAY))
        await send(caught_up(9))
        await silence()

    server.script = script
    async with ticker.watch("AAPL", every_tick=True, buffer_size=4, reconnect=False) as watch:
        await watch.ready()
        events = [await anext(watch) for _ in range(3)]

    assert events[0] == Gap("AAPL", 1, 8, GapReason.BUFFER_FULL)
    assert isinstance(events[1], Update)
    assert events[2] == CaughtUp(9)


async def test_wrong_order_and_missing_numbers_are_noticed(server: ScriptedServer, ticker: TickerClient) -> None:
    """Missing numbers become an UNEXPLAINED gap; a repeat and a late tick are dropped and counted."""

    async def script(request: WatchStocksRequest, send: Send) -> None:
        await send(opened(watched("AAPL", every_tick=True)))
        await send(updates(stock_update("AAPL", 7), kind=SNAPSHOT))
        await send(updates(stock_update("AAPL", 10), stock_update("AAPL", 10), stock_update("AAPL", 9)))
        await send(go_away())

    server.script = script
    async with ticker.watch("AAPL", every_tick=True, reconnect=False) as watch:
        events = [event async for event in watch]

        assert watch.statistics().dropped == 2
    assert events[1] == Gap("AAPL", 8, 9, GapReason.UNEXPLAINED)
    assert [event.tick_number for event in events if isinstance(event, Update)] == [7, 10]


async def test_a_message_that_cannot_be_taken_is_told_to_the_reader(
    server: ScriptedServer, ticker: TickerClient
) -> None:
    """A message that the client cannot decode ends the watch with that error, and does not hang it."""

    async def script(request: WatchStocksRequest, send: Send) -> None:
        await send(opened(watched("AAPL")))
        broken = heartbeat()
        broken.heartbeat.server_time.seconds = 2**62
        await send(broken)
        await silence()

    server.script = script
    async with ticker.watch("AAPL", reconnect=False) as watch:
        with pytest.raises(OverflowError):
            await anext(watch)
