"""The SDK against the real server: what a bot or a service does all day."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest

from tests.support.gateways import running_gateway
from ticker_client import (
    CaughtUp,
    Event,
    Gap,
    GapReason,
    GoAway,
    GoAwayReason,
    InvalidArgument,
    NotFound,
    Reconnect,
    Reconnected,
    StockDeleted,
    StockJoined,
    StockLeft,
    Tick,
    TickerClient,
    Update,
    UpdateKind,
    Watch,
)
from ticker_server.app import Gateway


async def next_of(watch: Watch, kind: type) -> object:
    """Return the next event of a kind."""
    async with asyncio.timeout(10):
        async for event in watch:
            if isinstance(event, kind):
                return event
    raise AssertionError(f"the watch ended without a {kind.__name__}")


async def test_saved_stocks_are_followed_while_they_change(gateway: Gateway) -> None:
    """A watch of the user's stocks tells what joins, leaves and is deleted, and brings the prices."""
    async with TickerClient(gateway.target, user_id="ana") as ticker:
        await ticker.create_stock("AAPL", name="Apple Inc.")
        await ticker.create_stock("MSFT")
        added = await ticker.add_stock("AAPL", every_tick=True, always=True)
        async with ticker.watch() as watch:
            await watch.ready()
            await ticker.publish([Tick("AAPL", Decimal("167.42"), size=Decimal(100))])
            update = await next_of(watch, Update)
            await ticker.add_stock("MSFT", every_tick=True, always=True)
            joined = await next_of(watch, StockJoined)
            removed = await ticker.remove_stocks("AAPL", "IBM")
            left = await next_of(watch, StockLeft)
            await ticker.delete_stock("MSFT")
            deleted = await next_of(watch, StockDeleted)

    assert added.created
    assert isinstance(update, Update)
    assert (update.price, update.size, update.tick_number) == (Decimal("167.42"), Decimal(100), 1)
    assert isinstance(joined, StockJoined)
    assert joined.stock_id == "MSFT"
    assert (removed.removed, removed.not_subscribed) == (("AAPL",), ("IBM",))
    assert isinstance(left, StockLeft)
    assert left.stock_id == "AAPL"
    assert isinstance(deleted, StockDeleted)
    assert deleted.stock_id == "MSFT"


async def test_stock_created_again_is_explained_by_the_server(gateway: Gateway) -> None:
    """Numbers of a stock that was deleted and created again go on; the server tells so, and nothing is unexplained."""
    async with TickerClient(gateway.target, user_id="ana") as ticker:
        await ticker.create_stock("AAPL")
        await ticker.publish([Tick("AAPL", Decimal(1)), Tick("AAPL", Decimal(2))])
        await ticker.delete_stock("AAPL")
        await ticker.create_stock("AAPL")
        latest = await ticker.latest("AAPL")
        async with ticker.watch("AAPL", every_tick=True) as watch:
            await watch.ready()
            await ticker.publish([Tick("AAPL", Decimal(3))])
            events = []
            async with asyncio.timeout(10):
                async for event in watch:
                    events.append(event)
                    if isinstance(event, Update):
                        break

    gaps = [event for event in events if isinstance(event, Gap)]
    assert latest.unpriced == ("AAPL",)
    assert [(gap.first_missing_tick_number, gap.last_missing_tick_number, gap.reason) for gap in gaps] == [
        (1, 2, GapReason.LOG_TRUNCATED)
    ]
    assert isinstance(events[-1], Update)
    assert (events[-1].tick_number, events[-1].superseded) == (3, 0)


@pytest.mark.parametrize(
    ("every_tick", "expected"), [(True, [(1, 0), (2, 0), (3, 0)]), (False, [(3, 2)])], ids=["every tick", "frequency"]
)
async def test_first_ticks_that_come_during_a_break_are_not_lost(
    gateway: Gateway, *, every_tick: bool, expected: list[tuple[int, int]]
) -> None:
    """A stock that had no price when the watch broke is followed from its first tick on, and nothing is a gap."""
    away, back = asyncio.Event(), asyncio.Event()

    async def pause(_: float) -> None:
        away.set()
        await back.wait()

    async with TickerClient(gateway.target) as ticker, TickerClient(gateway.target) as publisher:
        await publisher.create_stock("AAPL")
        async with ticker.watch("AAPL", every_tick=every_tick, reconnect=Reconnect(sleep=pause)) as watch:
            await watch.ready()
            (call,) = ticker._connection._line.channel._active_calls  # type: ignore[union-attr]
            call.cancel()
            await away.wait()
            await publisher.publish([Tick("AAPL", str(number)) for number in (1, 2, 3)])
            back.set()
            events = []
            async with asyncio.timeout(10):
                async for event in watch:
                    events.append(event)
                    if isinstance(event, Reconnected):
                        break

    assert not [event for event in events if isinstance(event, Gap)]
    assert [(event.tick_number, event.superseded) for event in events if isinstance(event, Update)] == expected
    assert {event.kind for event in events if isinstance(event, Update)} == {UpdateKind.REPLAY}


async def test_errors_are_typed_and_carry_their_reason(gateway: Gateway) -> None:
    """What the server refuses is raised as a typed error whose text reads alone."""
    async with TickerClient(gateway.target, user_id="ana") as ticker:
        with pytest.raises(NotFound) as unknown:
            await ticker.add_stock("APPL")
        with pytest.raises(InvalidArgument) as invalid:
            await ticker.create_stock("aapl")

    assert unknown.value.reason == "STOCK_NOT_FOUND"
    assert 'stock "APPL" does not exist' in str(unknown.value)
    assert invalid.value.reason == "INVALID_STOCK_ID"
    assert invalid.value.violations[0].field == "stock_id"


async def test_drain_tells_the_reader_to_go_away(gateway: Gateway) -> None:
    """A server that stops says so on each watch, and the stream ends as planned."""
    async with TickerClient(gateway.target) as ticker:
        await ticker.create_stock("AAPL")
        async with ticker.watch("AAPL", every_tick=True, reconnect=False) as watch:
            await watch.ready()
            stopping = asyncio.create_task(gateway.stop())
            events = [event async for event in watch]
            await stopping

    assert isinstance(events[-1], GoAway)


async def test_old_stream_is_followed_by_another_without_a_gap(tmp_path: Path) -> None:
    """A watch whose streams end by their age, again and again, goes on each time and misses nothing."""
    numbers: list[int] = []
    told: list[Event] = []
    async with (
        running_gateway(tmp_path / "data", stream_age=1.0) as gateway,
        TickerClient(gateway.target) as ticker,
        asyncio.timeout(30),
    ):
        await ticker.create_stock("AAPL")
        async with ticker.watch("AAPL", every_tick=True) as watch:
            publishing = asyncio.create_task(quote(ticker))
            async for event in watch:
                if isinstance(event, Update):
                    numbers.append(event.tick_number)
                elif not isinstance(event, CaughtUp):
                    told.append(event)
                if len(told) == 4:
                    break
            publishing.cancel()
            await asyncio.wait([publishing])

    assert [type(event) for event in told] == [GoAway, Reconnected, GoAway, Reconnected]
    assert {event.reason for event in told if isinstance(event, GoAway)} == {GoAwayReason.STREAM_AGE}
    assert len(numbers) > 10
    assert numbers == list(range(1, len(numbers) + 1))


async def quote(ticker: TickerClient) -> None:
    """Publish prices of AAPL, for ever."""
    while True:
        await ticker.publish([Tick("AAPL", Decimal("1.5"))])
        await asyncio.sleep(0.05)
