"""WatchStocks over a real socket: the order of a stream, both cadences, saved subscriptions followed live."""

from __future__ import annotations

import asyncio
import itertools

import grpc
import pytest
from ticker.v1 import stock_service_pb2, subscription_service_pb2, user_service_pb2, watch_service_pb2

from tests.support.virtual_clock import VirtualClock
from tests.support.wire import Stubs, reason_of, seconds

LIVE = watch_service_pb2.UPDATE_KIND_LIVE
SNAPSHOT = watch_service_pb2.UPDATE_KIND_SNAPSHOT


async def test_stream_opens_with_its_stocks_then_their_snapshot_then_caught_up(stubs: Stubs) -> None:
    """A stream says what it follows, gives the newest price of each stock, and then that it has caught up."""
    await stubs.create("AAPL", "MSFT")
    await stubs.publish("AAPL", "1.10", "1.20")

    async with stubs.watch(stock_ids=["AAPL", "MSFT"], every_tick=True) as stream:
        await stream.caught_up()

    opened = stream.messages[0].opened
    assert opened.watch_id
    assert opened.log_epoch
    assert opened.server_version
    assert opened.heartbeat_interval == seconds(5)
    assert {stock.stock_id: stock.has_price for stock in opened.stocks} == {"AAPL": True, "MSFT": False}
    snapshots = [update for message in stream.messages if message.kind == SNAPSHOT for update in message.updates]
    assert [(update.stock_id, update.price, update.tick_number) for update in snapshots] == [("AAPL", "1.20", 2)]


async def test_every_tick_arrives_once_in_order_with_contiguous_numbers(stubs: Stubs) -> None:
    """An every-tick watch gets each tick once, in order, numbered without a hole."""
    await stubs.create("AAPL")

    async with stubs.watch(stock_ids=["AAPL"], every_tick=True) as stream:
        await stream.caught_up()
        sequences = await stubs.publish("AAPL", *(f"{price}.5" for price in range(1, 301)))
        updates = await stream.updates(300)

    assert [update.sequence for update in updates] == sequences
    assert [update.tick_number for update in updates] == list(range(1, 301))
    assert [update.price for update in updates] == [f"{price}.5" for price in range(1, 301)]


async def test_frequency_watch_gets_the_newest_and_can_count_what_was_replaced(
    virtual_stubs: Stubs, clock: VirtualClock
) -> None:
    """A frequency watch gets one update per beat; the tick numbers tell how many it replaced."""
    stubs = virtual_stubs
    await stubs.create("AAPL")

    async with stubs.watch(stock_ids=["AAPL"], frequency=seconds(5), heartbeat_interval=seconds(60)) as stream:
        await stream.caught_up()
        await stubs.publish("AAPL", "1", "2", "3")
        clock.advance(5)
        first = await stream.read_until(lambda message: message.kind == LIVE)
        await stubs.publish("AAPL", "4", "5")
        clock.advance(5)
        second = await stream.read_until(lambda message: message.kind == LIVE)

    assert [(update.price, update.tick_number) for update in first.updates] == [("3", 3)]
    assert [(update.price, update.tick_number) for update in second.updates] == [("5", 5)]


async def test_live_updates_keep_their_distance(virtual_stubs: Stubs, clock: VirtualClock) -> None:
    """LIVE updates of one stock with a frequency are at least 0.9 of it apart, and come within twice of it."""
    stubs = virtual_stubs
    await stubs.create("AAPL")
    sent: list[int] = []

    async with stubs.watch(stock_ids=["AAPL"], frequency=seconds(1)) as stream:
        await stream.caught_up()
        for price in range(1, 11):
            await stubs.publish("AAPL", str(price))
            clock.advance(1.05)
            message = await stream.read_until(lambda message: message.kind == LIVE)
            sent.append(message.sent_time.ToNanoseconds())

    distances = [later - earlier for earlier, later in itertools.pairwise(sent)]
    assert min(distances) >= 900_000_000
    assert max(distances) <= 2_000_000_000


async def test_unchanged_stock_is_not_sent_again(virtual_stubs: Stubs, clock: VirtualClock) -> None:
    """Beats of a stock that did not change send nothing; only heartbeats come."""
    stubs = virtual_stubs
    await stubs.create("AAPL")
    await stubs.publish("AAPL", "1")

    async with stubs.watch(stock_ids=["AAPL"], frequency=seconds(1), heartbeat_interval=seconds(20)) as stream:
        await stream.caught_up()
        clock.advance(20)
        message = await stream.read()

    assert message.HasField("heartbeat")
    assert not message.updates


async def test_heartbeat_promises_the_next_one_and_tells_the_feed(virtual_stubs: Stubs, clock: VirtualClock) -> None:
    """A heartbeat carries the server's time, three intervals of promise, a live feed and how far the log was read."""
    stubs = virtual_stubs
    await stubs.create("AAPL")

    async with stubs.watch(stock_ids=["AAPL"], heartbeat_interval=seconds(2)) as stream:
        await stream.caught_up()
        clock.advance(2)
        heartbeat = (await stream.read()).heartbeat

    assert heartbeat.next_within == seconds(6)
    assert heartbeat.feed == watch_service_pb2.FEED_STATE_LIVE
    assert heartbeat.read_through.ToNanoseconds() <= clock.wall()
    assert heartbeat.read_through.ToNanoseconds() >= clock.wall() - 2_000_000_000
    assert (heartbeat.open_stocks, heartbeat.closed_stocks) == (1, 0)


async def test_unknown_stocks_are_refused_while_the_others_go_live(stubs: Stubs) -> None:
    """A watch of known and unknown stocks opens for the known ones and names the others in `opened.refusals`."""
    await stubs.create("AAPL")

    async with stubs.watch(stock_ids=["APPL", "AAPL"]) as stream:
        opened = (await stream.read()).opened

    assert [stock.stock_id for stock in opened.stocks] == ["AAPL"]
    assert [(refusal.stock_id, refusal.reason) for refusal in opened.refusals] == [("APPL", "STOCK_NOT_FOUND")]
    assert "APPL" in opened.refusals[0].message


async def test_watch_of_nothing_that_exists_ends_with_the_first_refusal(stubs: Stubs) -> None:
    """A watch whose stocks or user do not exist ends with NOT_FOUND and the reason."""
    for request, reason in (
        ({"stock_ids": ["APPL", "MSTF"]}, "STOCK_NOT_FOUND"),
        ({"user_ids": ["nobody"]}, "USER_NOT_FOUND"),
    ):
        async with stubs.watch(**request) as stream:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await stream.read()

        assert caught.value.code() is grpc.StatusCode.NOT_FOUND
        assert reason_of(caught.value) == reason
        assert str(caught.value.details()).startswith(f"{reason}: ")


async def test_all_stocks_include_those_created_later(stubs: Stubs) -> None:
    """A watch of `*` is told of a stock that is created while it is open, and then gets its ticks."""
    await stubs.create("AAPL")

    async with stubs.watch(stock_ids=["*"], every_tick=True) as stream:
        await stream.caught_up()
        await stubs.create("MSFT")
        joined = await stream.read_until(lambda message: message.changes)
        await stubs.publish("MSFT", "7")
        updates = await stream.updates(1)

    assert [(change.kind, change.stock_id) for change in joined.changes] == [
        (watch_service_pb2.CHANGE_KIND_JOINED, "MSFT")
    ]
    assert [(update.stock_id, update.tick_number) for update in updates] == [("MSFT", 1)]


async def test_saved_subscriptions_are_followed_live(stubs: Stubs) -> None:
    """AddStock and RemoveStocks take effect on the user's open watch within a second, with a snapshot for the new."""
    await stubs.create("AAPL", "MSFT")
    await stubs.publish("MSFT", "5.5")
    await stubs.add("ana", "AAPL")

    async with stubs.watch(user_ids=["ana"]) as stream:
        await stream.caught_up()
        async with asyncio.timeout(1):
            await stubs.add("ana", "MSFT")
            joined = await stream.read_until(lambda message: message.changes)
        async with asyncio.timeout(1):
            await stubs.subscriptions.RemoveStocks(
                subscription_service_pb2.RemoveStocksRequest(user_id="ana", stock_ids=["AAPL"])
            )
            left = await stream.read_until(lambda message: message.changes)
        await stubs.publish("AAPL", "1")
        await stubs.publish("MSFT", "6.5")
        updates = await stream.updates(1)

    assert (joined.changes[0].kind, joined.changes[0].stock_id) == (watch_service_pb2.CHANGE_KIND_JOINED, "MSFT")
    assert joined.kind == SNAPSHOT
    assert [update.price for update in joined.updates] == ["5.5"]
    assert (left.changes[0].kind, left.changes[0].stock_id) == (watch_service_pb2.CHANGE_KIND_LEFT, "AAPL")
    assert [update.stock_id for update in updates] == ["MSFT"]


async def test_changed_subscription_brings_a_snapshot_and_its_new_cadence(stubs: Stubs) -> None:
    """A subscription replaced while its watch is open is told as CHANGED, with a snapshot and the new cadence."""
    await stubs.create("AAPL")
    await stubs.publish("AAPL", "1")
    await stubs.add("ana", "AAPL", frequency=seconds(60), always=True)

    async with stubs.watch(user_ids=["ana"]) as stream:
        await stream.caught_up()
        await stubs.add("ana", "AAPL", every_tick=True, always=True)
        changed = await stream.read_until(lambda message: message.changes)
        await stubs.publish("AAPL", "2")
        updates = await stream.updates(1)

    assert changed.changes[0].kind == watch_service_pb2.CHANGE_KIND_CHANGED
    assert changed.changes[0].stock.every_tick
    assert [update.price for update in changed.updates] == ["1"]
    assert [update.price for update in updates] == ["2"]


async def test_watch_of_a_user_without_subscriptions_stays_open(stubs: Stubs) -> None:
    """A user who follows nothing yet has an open stream, and gets the first stock once it is added."""
    await stubs.create("AAPL")
    await stubs.users.CreateUser(user_service_pb2.CreateUserRequest(user_id="ana"))

    async with stubs.watch(user_ids=["ana"]) as stream:
        await stream.caught_up()
        await stubs.add("ana", "AAPL")
        joined = await stream.read_until(lambda message: message.changes)

    assert joined.changes[0].stock_id == "AAPL"


async def test_deleted_stock_is_told_and_created_again_has_no_price(stubs: Stubs) -> None:
    """Deleting a stock tells open watches; created again it has no price until its next tick, numbered on."""
    await stubs.create("AAPL")
    await stubs.publish("AAPL", "1", "2")
    await stubs.add("ana", "AAPL")

    async with stubs.watch(user_ids=["ana"]) as stream:
        await stream.caught_up()
        await stubs.stocks.DeleteStock(stock_service_pb2.DeleteStockRequest(stock_id="AAPL"))
        deleted = await stream.read_until(lambda message: message.changes)
        await stubs.create("AAPL")
        await stubs.add("ana", "AAPL")
        joined = await stream.read_until(lambda message: message.changes)
        await stubs.publish("AAPL", "3")
        updates = await stream.updates(1)

    assert deleted.changes[0].kind == watch_service_pb2.CHANGE_KIND_STOCK_DELETED
    assert not joined.changes[0].stock.has_price
    assert not joined.updates
    assert [(gap.first_missing_tick_number, gap.last_missing_tick_number) for gap in joined.gaps] == [(1, 2)]
    assert [(update.price, update.tick_number) for update in updates] == [("3", 3)]


async def test_deleted_user_sees_each_stock_leave_and_then_not_found(stubs: Stubs) -> None:
    """DeleteUser ends the user's open watch: LEFT for each stock, then USER_NOT_FOUND."""
    await stubs.create("AAPL", "MSFT")
    await stubs.add("ana", "AAPL")
    await stubs.add("ana", "MSFT")

    async with stubs.watch(user_ids=["ana"]) as stream:
        await stream.caught_up()
        await stubs.users.DeleteUser(user_service_pb2.DeleteUserRequest(user_id="ana"))
        code = await stream.read_to_end()
        details = await stream.call.details()

    left = [change.stock_id for message in stream.messages for change in message.changes]
    assert sorted(left) == ["AAPL", "MSFT"]
    assert code is grpc.StatusCode.NOT_FOUND
    assert details.startswith("USER_NOT_FOUND: ")


async def test_what_is_not_built_yet_is_answered_by_name(stubs: Stubs) -> None:
    """A field that is set but not served yet is answered with UNIMPLEMENTED and its name, never ignored."""
    async with stubs.watch(user_ids=["ana", "ben"]) as stream:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stream.read()

    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert reason_of(caught.value) == "NOT_IMPLEMENTED"
    assert "user_ids" in str(caught.value.details())


async def test_resume_goes_on_where_the_reader_was(stubs: Stubs) -> None:
    """A watch of every tick that was cut gets exactly what came meanwhile, and then what comes."""
    await stubs.create("AAPL")
    async with stubs.watch(stock_ids=["AAPL"], every_tick=True) as stream:
        epoch = (await stream.read()).opened.log_epoch
        await stubs.publish("AAPL", "1", "2")
        seen = (await stream.updates(2))[-1]
    await stubs.publish("AAPL", "3", "4")

    position = {"stock_id": "AAPL", "sequence": seen.sequence, "tick_number": seen.tick_number}
    resume = {"log_epoch": epoch, "positions": [position]}
    async with stubs.watch(stock_ids=["AAPL"], every_tick=True, resume=resume) as stream:
        caught_up = await stream.read_until(lambda message: message.HasField("caught_up"))
        await stubs.publish("AAPL", "5")
        await stream.updates(1)
        updates = [update for message in stream.messages for update in message.updates]

    assert caught_up.caught_up.replayed_count == 2
    assert [update.tick_number for update in updates] == [3, 4, 5]
    assert [update.price for update in updates] == ["3", "4", "5"]


async def test_resume_from_another_log_is_told(stubs: Stubs) -> None:
    """A resume from another log gets a gap that says so, and the newest price."""
    await stubs.create("AAPL")
    await stubs.publish("AAPL", "1")
    resume = {"log_epoch": "another", "positions": [{"stock_id": "AAPL", "sequence": 7, "tick_number": 7}]}

    async with stubs.watch(stock_ids=["AAPL"], resume=resume) as stream:
        message = await stream.read()

    assert [(gap.stock_id, gap.reason) for gap in message.gaps] == [("AAPL", watch_service_pb2.GAP_REASON_LOG_REPLACED)]
    assert [update.price for update in message.updates] == ["1"]
