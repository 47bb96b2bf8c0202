"""The history of a stock, listed from a server."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from ticker.v1 import price_service_pb2 as wire

from tests.ticker_client.breaking_watch import play, told
from tests.ticker_client.messages import LIVE, REPLAY, caught_up, go_away, opened, stock_update, updates, watched
from tests.ticker_client.sample_bars import NEW_YORK, apple_days, bar, message_of
from tests.ticker_client.scripted_server import ScriptedServer
from ticker_client import (
    Bar,
    BarInterval,
    CaughtUp,
    InvalidArgument,
    Position,
    Resume,
    TickerClient,
    Unavailable,
    Update,
)

DAYS = apple_days()[-5:]


def pages_of(
    *pages: tuple[tuple[Bar, ...], str, int],
) -> Callable[[wire.ListBarsRequest], wire.ListBarsResponse]:
    """Return what answers with one page after the other: bars, log epoch, and how far they are synced."""
    rest = list(enumerate(pages, start=1))

    def answer(_: wire.ListBarsRequest) -> wire.ListBarsResponse:
        number, (bars, epoch, synced) = rest.pop(0)
        return wire.ListBarsResponse(
            bars=map(message_of, bars),
            log_epoch=epoch,
            synced_through_sequence=synced,
            next_page_token=f"t{number}" if number % 2 and rest else "",
        )

    return answer


async def test_a_history_is_all_pages(server: ScriptedServer, ticker: TickerClient) -> None:
    """The bars of all pages are one history: exact prices, and times in the zone that was asked for."""
    server.answers["ListBars"] = pages_of((DAYS[:3], "e-1", 90), (DAYS[3:], "e-1", 90))
    bars = await ticker.bars("AAPL", start_time=datetime(2013, 2, 25, tzinfo=UTC), end_time=1_362_182_400 * 10**9)

    assert tuple(bars) == DAYS
    assert bars.is_cut
    assert bars[-1].start_time == datetime(2013, 3, 1, tzinfo=UTC)
    assert (str(bars[0].high), bars[1:3]) == ("455.12", DAYS[1:3])
    assert server.requests == [
        wire.ListBarsRequest(
            stock_id="AAPL",
            interval=wire.BAR_INTERVAL_1D,
            start_time=Timestamp(seconds=1_361_750_400),
            end_time=Timestamp(seconds=1_362_182_400),
            time_zone="UTC",
            page_size=1000,
            page_token=token,
        )
        for token in ("", "t1")
    ]


@pytest.mark.parametrize(("text", "number"), [(one.value, place) for place, one in enumerate(BarInterval, start=1)])
async def test_an_interval_is_a_word_of_its_own_or_its_text(
    server: ScriptedServer, ticker: TickerClient, text: str, number: int
) -> None:
    """Each interval may be written as text, and bars of it say so."""
    server.answers["ListBars"] = pages_of((DAYS[:1], "e-1", 9))
    bars = await ticker.bars("AAPL", interval=text, time_zone="America/New_York")

    assert server.requests[-1].interval == number
    assert bars[0].interval is bars.interval is BarInterval(text)
    assert bars[0].start_time.tzinfo == NEW_YORK


async def test_bars_are_listed_one_by_one(server: ScriptedServer, ticker: TickerClient) -> None:
    """Of a long history a page is asked for when its bars are needed."""
    server.answers["ListBars"] = pages_of((DAYS[:3], "e-1", 90), (DAYS[3:], "e-2", 7))
    asked = [(one, len(server.requests)) async for one in ticker.list_bars("AAPL", interval="1d")]

    assert asked == list(zip(DAYS, [1, 1, 1, 2, 2], strict=True))


async def test_a_watch_goes_on_behind_the_page_that_was_synced_least(
    server: ScriptedServer, ticker: TickerClient
) -> None:
    """A page that was listed earlier may lack what later ones have, so the watch begins behind the earliest."""
    server.answers["ListBars"] = pages_of((DAYS[:3], "e-1", 70), (DAYS[3:], "e-1", 90))
    bars = await ticker.bars("AAPL")
    stock = watched("AAPL", every_tick=True)
    play(server, [opened(stock), caught_up(), updates(stock_update("AAPL", 8), kind=LIVE), go_away()])
    async with ticker.watch("AAPL", every_tick=True, resume=bars.resume, reconnect=False) as watch:
        events = [event async for event in watch]

    assert (bars.synced_through_sequence, bars.is_cut) == (70, False)
    assert server.requests[-1].resume == Resume("e-1", (Position("AAPL", 70, 0),)).to_message()
    assert told(events)[:2] == [CaughtUp, ("AAPL", 8, 0)]


async def test_history_and_watch_have_each_tick_once(server: ScriptedServer, ticker: TickerClient) -> None:
    """What is stored while pages are listed comes again on the watch, and each bar tells what it has already.

    The sequences 10 to 70 are of the minutes 0, 0, 1, 2, 0, 2 and 2. The first page is listed when 40 is stored, the second
    when 60 is.
    """
    minutes = {10: 0, 20: 0, 30: 1, 40: 2, 50: 0, 60: 2, 70: 2}
    starts = [datetime(2026, 1, 5, 0, minute, tzinfo=UTC) for minute in range(3)]

    def counted(minute: int, synced: int) -> Bar:
        found = [sequence for sequence, where in minutes.items() if where == minute and sequence <= synced]
        return replace(bar(starts[minute], [1, 1, 1, 1]), tick_count=len(found), last_sequence=found[-1])

    server.answers["ListBars"] = pages_of(((counted(0, 40), counted(1, 40)), "e-1", 40), ((counted(2, 60),), "e-1", 60))
    bars = await ticker.bars("AAPL", interval="1m")
    ticks = [stock_update("AAPL", number) for number in (5, 6, 7)]
    play(server, [opened(watched("AAPL", every_tick=True)), updates(*ticks, kind=REPLAY), caught_up(3), go_away()])
    counts = [one.tick_count for one in bars]
    async with ticker.watch("AAPL", every_tick=True, resume=bars.resume, reconnect=False) as watch:
        async for event in watch:
            if isinstance(event, Update) and event.sequence > bars[minutes[event.sequence]].last_sequence:
                counts[minutes[event.sequence]] += 1

    assert server.requests[-1].resume.positions[0].sequence == 40
    assert counts == [3, 1, 3]


async def test_a_history_of_two_price_logs_is_listed_anew(server: ScriptedServer, ticker: TickerClient) -> None:
    """Where the price log is replaced between two pages, no place in it is behind both: all pages are asked again."""
    server.answers["ListBars"] = pages_of(
        (DAYS[:3], "e-1", 70), (DAYS[3:], "e-2", 5), (DAYS[:3], "e-2", 6), (DAYS[3:], "e-2", 8)
    )
    bars = await ticker.bars("AAPL")

    assert tuple(bars) == DAYS
    assert (bars.log_epoch, bars.synced_through_sequence) == ("e-2", 6)
    assert [request.page_token for request in server.requests] == ["", "t1", "", "t3"]


async def test_a_price_log_that_never_stays_is_told(server: ScriptedServer, ticker: TickerClient) -> None:
    """After three attempts it is an error that says to try again."""
    server.answers["ListBars"] = pages_of(*((DAYS[:1], f"e-{number}", 1) for number in range(6)))
    with pytest.raises(Unavailable, match=r"LOG_REPLACED: .*list them again") as caught:
        await ticker.bars("AAPL")

    assert caught.value.retryable
    assert len(server.requests) == 6


async def test_what_makes_no_sense_is_not_asked(server: ScriptedServer, ticker: TickerClient) -> None:
    """An interval or a zone that does not exist, or a time without a zone, is refused before anything is sent."""
    with pytest.raises(InvalidArgument, match="'2m' is no interval; the intervals are 1m, 5m, 15m, 1h, 1d"):
        await ticker.bars("AAPL", interval="2m")
    with pytest.raises(InvalidArgument, match="INVALID_TIME_ZONE: 'Mars/Olympus'"):
        await ticker.bars("AAPL", time_zone="Mars/Olympus")
    with pytest.raises(ValueError, match="no time zone"):
        await ticker.bars("AAPL", start_time=datetime(2026, 1, 1))  # noqa: DTZ001 - the point of the test

    assert server.requests == []


async def test_a_stock_without_bars_has_an_empty_history(server: ScriptedServer, ticker: TickerClient) -> None:
    """No bar is no error, and a watch goes on from there; what has no size has no volume."""
    server.answers["ListBars"] = pages_of(((), "e-1", 0))
    bars = await ticker.bars("AAPL")

    assert (len(bars), list(bars)) == (0, [])
    assert bars.resume == Resume("e-1", (Position("AAPL", 0, 0),))

    bare = message_of(bar(datetime(2026, 1, 5, tzinfo=UTC), [1, 1, 1, 1]))
    bare.ClearField("volume")
    server.answers["ListBars"] = lambda _: wire.ListBarsResponse(bars=[bare])
    assert (await ticker.bars("AAPL"))[0].volume == 0
