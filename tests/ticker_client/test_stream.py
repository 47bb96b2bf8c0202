"""One stream: how each kind of end is told."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import grpc
import pytest
from ticker.v1.watch_service_pb2 import WatchStocksRequest

from tests.ticker_client.breaking_watch import SHORT_PROMISE, Step, play
from tests.ticker_client.fake_loop import FakeLoop
from tests.ticker_client.messages import caught_up, go_away, heartbeat, opened, watched
from tests.ticker_client.scripted_server import Refuse, ScriptedServer
from ticker_client.buffer import EventBuffer
from ticker_client.connection import Connection
from ticker_client.continuity import Continuity
from ticker_client.errors import HeartbeatMissed, ServerUnreachable, TickerError, WatchBroken
from ticker_client.intake import Intake
from ticker_client.reasons import LagPolicy
from ticker_client.stream import Stream


class Timer:
    """A timer that never rings, and knows whether it was cancelled."""

    def __init__(self, delay: float) -> None:
        self.delay = delay
        self.cancelled = False

    def cancel(self) -> None:
        """Note it."""
        self.cancelled = True


async def followed(server: ScriptedServer, *steps: Step, closes: bool = False) -> tuple[int, TickerError | None, bool]:
    """Follow a stream; return how many messages came, how it ended, and whether its channel was given up."""
    play(server, list(steps))
    timeout = timedelta(milliseconds=300)
    connection = Connection(server.target, token=None, tls_ca=None, timeout=timeout, connect_timeout=timeout)
    connection.open()
    async with connection.line() as line:
        pass
    news: list[None] = []
    intake = Intake(EventBuffer(capacity=10, lag_policy=LagPolicy.CONFLATE), Continuity(every_tick=False))
    failure: TickerError | None = None
    try:
        await Stream(connection, intake, lambda: news.append(None)).run(WatchStocksRequest(stock_ids=["AAPL"]))
    except TickerError as error:
        failure = error
    given_up = connection._line is not line
    await connection.close()
    return len(news), failure, given_up


async def test_a_planned_end_is_no_error(server: ScriptedServer) -> None:
    """A stream that says go_away and ends with OK has ended as planned; each message was told."""
    assert await followed(server, opened(watched("AAPL")), caught_up(), go_away()) == (3, None, False)


@pytest.mark.parametrize(
    ("steps", "kind", "code", "gives_up"),
    [
        ([opened()], WatchBroken, "OK", False),
        ([opened(), Refuse(grpc.StatusCode.UNAVAILABLE, "", "gone")], WatchBroken, "UNAVAILABLE", False),
        ([opened(), Refuse(grpc.StatusCode.CANCELLED, "", "cancelled")], WatchBroken, "CANCELLED", False),
        ([Refuse(grpc.StatusCode.CANCELLED, "", "cancelled")], ServerUnreachable, "CANCELLED", False),
        ([opened(), heartbeat(next_within=SHORT_PROMISE), None], WatchBroken, "", True),
        ([None], ServerUnreachable, "DEADLINE_EXCEEDED", True),
    ],
)
async def test_each_other_end_is_an_error(
    server: ScriptedServer, steps: list[Step], kind: type[TickerError], code: str, *, gives_up: bool
) -> None:
    """An end that nobody announced is an error by its code; after silence the channel is given up."""
    _, failure, given_up = await followed(server, *steps)

    assert failure is not None
    assert isinstance(failure, kind)
    assert (failure.code, given_up) == (code, gives_up)


async def test_silence_after_the_past_has_waited_is_noticed(server: ScriptedServer) -> None:
    """While the past waits for the program nothing is judged; from when it goes on, silence counts again."""
    play(server, [opened(watched("AAPL"), heartbeat=timedelta(milliseconds=30)), None])
    connection = Connection(
        server.target, token=None, tls_ca=None, timeout=timedelta(seconds=10), connect_timeout=timedelta(seconds=10)
    )
    connection.open()
    intake = Intake(EventBuffer(capacity=10, lag_policy=LagPolicy.CONFLATE), Continuity(every_tick=False))
    waiting, room = asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        waiting.set()
        await room.wait()

    stream = asyncio.create_task(Stream(connection, intake, wait).run(WatchStocksRequest(stock_ids=["AAPL"])))
    await waiting.wait()
    await asyncio.wait([stream], timeout=0.2)
    assert not stream.done()
    room.set()
    with pytest.raises(HeartbeatMissed):
        await stream
    await connection.close()


@pytest.mark.parametrize(
    ("hours", "interval", "late"), [(0.5, 5, 9.9), (24, 60, 119)], ids=["idle for 30 minutes", "closed for 24 hours"]
)
async def test_a_stream_lasts_by_its_heartbeats_alone(
    server: ScriptedServer, hours: float, interval: float, late: float
) -> None:
    """A stream on which nothing happens lasts as long as its heartbeats come, each up to two intervals late."""
    loop = FakeLoop()
    count = int(hours * 3600 / (interval + late))
    beats = [heartbeat(next_within=timedelta(seconds=3 * interval))] * count
    first = opened(watched("AAPL"), heartbeat=timedelta(seconds=interval))
    play(server, [first, caught_up(), *beats, None])
    connection = Connection(
        server.target, token=None, tls_ca=None, timeout=timedelta(seconds=10), connect_timeout=timedelta(seconds=10)
    )
    connection.open()
    intake = Intake(EventBuffer(capacity=10, lag_policy=LagPolicy.CONFLATE), Continuity(every_tick=False))
    taken, all_taken = 0, asyncio.Event()

    def pass_time() -> None:
        nonlocal taken
        taken += 1
        if taken > 1:  # `opened` and `caught_up` come together
            loop.run(interval + late)
        if taken == count + 2:
            all_taken.set()

    stream = asyncio.create_task(
        Stream(connection, intake, pass_time, loop.call_later).run(WatchStocksRequest(stock_ids=["AAPL"]))
    )
    waiting = asyncio.create_task(all_taken.wait())
    await asyncio.wait([stream, waiting], return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    assert not stream.done()
    assert loop.now >= hours * 3600
    loop.run(3 * interval)  # then silence
    with pytest.raises(HeartbeatMissed):
        await stream
    await connection.close()


async def test_a_stream_may_last_longer_than_a_call(server: ScriptedServer) -> None:
    """Once it is open, a stream is bound by its heartbeats only, and not by the timeout of calls."""
    timers: list[Timer] = []
    running: list[bool] = []

    def call_later(delay: float, _: object) -> Timer:
        timers.append(Timer(delay))
        return timers[-1]

    play(server, [opened(watched("AAPL")), go_away()])
    timeout = timedelta(seconds=33)
    connection = Connection(server.target, token=None, tls_ca=None, timeout=timeout, connect_timeout=timeout)
    connection.open()
    intake = Intake(EventBuffer(capacity=10, lag_policy=LagPolicy.CONFLATE), Continuity(every_tick=False))
    stream = Stream(connection, intake, lambda: running.append(timers[0].cancelled), call_later)
    await stream.run(WatchStocksRequest(stock_ids=["AAPL"]))
    await connection.close()

    assert timers[0].delay == 33
    assert running == [True, True]
    assert all(timer.cancelled for timer in timers)
