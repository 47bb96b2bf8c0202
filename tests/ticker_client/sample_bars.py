"""Bars for tests: real days of Apple from the package bokeh_sampledata, and a day of a random walk."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from zoneinfo import ZoneInfo

from bokeh_sampledata import stocks
from ticker.v1 import price_service_pb2 as wire

from ticker_client import Bar, BarInterval
from ticker_client.instants import nanoseconds_of, timestamp_of

NEW_YORK = ZoneInfo("America/New_York")


@cache
def apple_days() -> tuple[Bar, ...]:
    """Return the daily bars of Apple from 2000-03-01 to 2013-03-01, by the days of UTC."""
    rows = zip(*(stocks.AAPL[name] for name in ("date", "open", "high", "low", "close", "volume")), strict=True)
    return tuple(
        bar(datetime.fromisoformat(date).replace(tzinfo=UTC), prices, volume, number, interval=BarInterval.ONE_DAY)
        for number, (date, *prices, volume) in enumerate(rows)
    )


def walking_day(count: int = 78, seed: int = 7) -> list[Bar]:
    """Return so many bars of 5 minutes of a random walk, from 09:30 in New York on."""
    draw = random.Random(seed)
    opening, bars = Decimal("430.00"), []
    for number in range(count):
        path = [opening]
        for _ in range(20):
            path.append(path[-1] + Decimal(draw.randint(-12, 12)) / 100)
        start = datetime(2013, 3, 1, 9, 30, tzinfo=NEW_YORK) + number * timedelta(minutes=5)
        bars.append(bar(start, [path[0], max(path), min(path), path[-1]], draw.randint(80, 900) * 100, number))
        opening = path[-1]
    return bars


def bar(
    start_time: datetime,
    prices: list[object],
    volume: object = 0,
    number: int = 0,
    *,
    interval: BarInterval = BarInterval.FIVE_MINUTES,
) -> Bar:
    """Return a bar of open, high, low and close; it has the ticks 10 * number + 1 to 10 * number + 4."""
    return Bar(
        "AAPL",
        interval,
        start_time,
        *(Decimal(str(price)) for price in prices),
        volume=Decimal(str(volume)),
        tick_count=4,
        first_sequence=10 * number + 1,
        last_sequence=10 * number + 4,
    )


def message_of(told: Bar) -> wire.Bar:
    """Return a bar as a server sends it."""
    return wire.Bar(
        start_time=timestamp_of(nanoseconds_of(told.start_time)),
        open=f"{told.open:f}",
        high=f"{told.high:f}",
        low=f"{told.low:f}",
        close=f"{told.close:f}",
        volume=f"{told.volume:f}",
        tick_count=told.tick_count,
        first_sequence=told.first_sequence,
        last_sequence=told.last_sequence,
    )
