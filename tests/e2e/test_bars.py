"""Bars across the wire: what was published comes back as bars, and they join to a watch without a seam."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from ticker.v1 import price_service_pb2, stock_service_pb2, tick_pb2, watch_service_pb2

from tests.support.wire import Stubs, details_of, reason_of

Request = price_service_pb2.ListBarsRequest
Response = price_service_pb2.ListBarsResponse
M1, M5, H1 = price_service_pb2.BAR_INTERVAL_1M, price_service_pb2.BAR_INTERVAL_5M, price_service_pb2.BAR_INTERVAL_1H
D1 = price_service_pb2.BAR_INTERVAL_1D
MONDAY = int(datetime(2026, 3, 9, tzinfo=UTC).timestamp())


async def publish(stubs: Stubs, stock_id: str, *rows: tuple[float, str, str]) -> list[int]:
    """Publish ticks by minute (from the Monday on), price and size; return their sequences."""
    ticks = [
        tick_pb2.Tick(
            stock_id=stock_id, price=price, size=size, trade_time=Timestamp(seconds=MONDAY + round(minute * 60))
        )
        for minute, price, size in rows
    ]
    answer = await stubs.prices.PublishPrices(price_service_pb2.PublishPricesRequest(ticks=ticks))
    return [result.sequence for result in answer.results]


async def listed(stubs: Stubs, **fields: Any) -> Response:
    """Return the bars of A."""
    return await stubs.prices.ListBars(Request(**{"stock_id": "A", **fields}))


def told(answer: Response) -> list[tuple[float, str, str, str, str, str, int]]:
    """Return the bars of an answer, their start in minutes from the Monday on."""
    return [
        (
            (bar.start_time.seconds - MONDAY) / 60,
            bar.open,
            bar.high,
            bar.low,
            bar.close,
            bar.volume,
            bar.tick_count,
        )
        for bar in answer.bars
    ]


async def test_published_ticks_come_back_as_bars(stubs: Stubs) -> None:
    """Bars of each length are those of what was published, and a late tick corrects its bar."""
    await stubs.create("A", "B")
    await publish(stubs, "A", (0, "10.50", "1"), (0.5, "9", ""), (3, "11.0", "0.000000001"), (61, "12", "7"))
    await publish(stubs, "B", (0, "1", "1"))
    sequences = await publish(stubs, "A", (0.9, "0.000000001", "100"))

    minutes, fives = await listed(stubs, interval=M1), await listed(stubs, interval=M5)
    hours, days = await listed(stubs, interval=H1), await listed(stubs, interval=D1)

    assert told(minutes) == [
        (0, "10.50", "10.50", "0.000000001", "0.000000001", "101", 3),
        (3, "11.0", "11.0", "11.0", "11.0", "0.000000001", 1),
        (61, "12", "12", "12", "12", "7", 1),
    ]
    assert [row[0] for row in told(fives)] == [0, 60]
    assert told(hours) == [
        (0, "10.50", "11.0", "0.000000001", "11.0", "101.000000001", 4),
        (60, "12", "12", "12", "12", "7", 1),
    ]
    assert told(days) == [(0, "10.50", "12", "0.000000001", "12", "108.000000001", 5)]
    assert [answer.synced_through_sequence for answer in (minutes, fives, hours, days)] == sequences * 4
    assert (minutes.bars[0].first_sequence, minutes.bars[0].last_sequence) == (1, sequences[0])


async def test_days_of_a_time_zone(stubs: Stubs) -> None:
    """Days begin at the midnights of the zone, on the day too that has 23 hours."""
    await stubs.create("A")
    day = 24 * 60
    await publish(stubs, "A", *((minute, "1", "") for minute in (-day + 299, -day + 300, 239, 240)))

    answer = await listed(stubs, interval=D1, time_zone="America/New_York")

    assert [(row[0], row[-1]) for row in told(answer)] == [(-2 * day + 300, 1), (-day + 300, 2), (240, 1)]


async def test_pages_of_a_span(stubs: Stubs) -> None:
    """The bars of a span come page after page."""
    await stubs.create("A")
    await publish(stubs, "A", *((minute, str(minute + 1), "") for minute in range(10)))
    span = {
        "interval": M1,
        "start_time": Timestamp(seconds=MONDAY + 60),
        "end_time": Timestamp(seconds=MONDAY + 360),
        "page_size": 2,
    }

    first = await listed(stubs, **span)
    second = await listed(stubs, **span, page_token=first.next_page_token)
    third = await listed(stubs, **span, page_token=second.next_page_token)

    assert [[row[1] for row in told(answer)] for answer in (first, second, third)] == [["2", "3"], ["4", "5"], ["6"]]
    assert not third.next_page_token


@pytest.mark.parametrize("missed", [0, 2])
async def test_a_watch_goes_on_after_the_bars(stubs: Stubs, missed: int) -> None:
    """A watch that resumes where the bars end brings each later tick once, and no gap, whatever other stocks did."""
    await stubs.create("A", "B")
    await publish(stubs, "A", (0, "1", ""), (1, "2", ""), (2, "3", ""))
    await publish(stubs, "B", (0, "1", ""), (1, "1", ""))
    bars = await listed(stubs, interval=M1)
    for number in range(missed):
        await publish(stubs, "A", (3, str(4 + number), ""))
    position = watch_service_pb2.Position(stock_id="A", sequence=bars.synced_through_sequence)
    resume = watch_service_pb2.Resume(log_epoch=bars.log_epoch, positions=[position])
    async with stubs.watch(stock_ids=["A"], every_tick=True, resume=resume) as stream:
        await stream.caught_up()
        await publish(stubs, "A", (3, "9", ""))
        await stream.updates(1)

        updates = [update.price for message in stream.messages for update in message.updates]
        assert updates == [*(str(4 + number) for number in range(missed)), "9"]
        assert not any(message.gaps for message in stream.messages)


async def test_a_watch_goes_on_where_there_are_no_bars(stubs: Stubs) -> None:
    """A stock without bars is joined from its first tick on."""
    await stubs.create("A")
    bars = await listed(stubs, interval=M1)
    await publish(stubs, "A", (0, "1", ""))
    position = watch_service_pb2.Position(stock_id="A", sequence=bars.synced_through_sequence)
    resume = watch_service_pb2.Resume(log_epoch=bars.log_epoch, positions=[position])
    async with stubs.watch(stock_ids=["A"], every_tick=True, resume=resume) as stream:
        await stream.caught_up()

        assert [update.price for message in stream.messages for update in message.updates] == ["1"]
        assert bars.synced_through_sequence == 0


async def test_former_life_is_not_listed(stubs: Stubs) -> None:
    """A stock that was deleted and created again has no bars of before."""
    await stubs.create("A")
    await publish(stubs, "A", (0, "1", ""))
    await stubs.stocks.DeleteStock(stock_service_pb2.DeleteStockRequest(stock_id="A"))
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await listed(stubs, interval=M1)
    await stubs.create("A")
    empty = await listed(stubs, interval=M1)
    await publish(stubs, "A", (5, "2", ""))

    assert reason_of(raised.value) == "STOCK_NOT_FOUND"
    assert not empty.bars
    assert [row[0] for row in told(await listed(stubs, interval=M1))] == [5]


@pytest.mark.parametrize(
    ("fields", "field", "reason"),
    [
        ({"interval": M1, "stock_id": "a"}, "stock_id", "INVALID_STOCK_ID"),
        ({}, "interval", "INVALID_FREQUENCY"),
        ({"interval": M1, "time_zone": "Mars"}, "time_zone", "INVALID_TIME_ZONE"),
        ({"interval": M1, "page_token": "x"}, "page_token", "INVALID_PAGE_TOKEN"),
        ({"interval": M1, "end_time": Timestamp(nanos=-1)}, "end_time", "INVALID_TRADE_TIME"),
    ],
)
async def test_bad_requests_are_named(stubs: Stubs, fields: dict[str, Any], field: str, reason: str) -> None:
    """A request that breaks a rule is refused with its reason and its field."""
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await listed(stubs, **fields)

    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert reason_of(raised.value) == reason
    (bad,) = [detail for detail in details_of(raised.value) if hasattr(detail, "field_violations")]
    assert [violation.field for violation in bad.field_violations] == [field]
