"""The history of a stock, listed from a server."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from ticker.v1 import price_service_pb2 as wire

from tests.ticker_client.breaking_watch import play, told
from tests.ticker_client.messages import LIVE, caught_up, go_away, opened, stock_update, updates, watched
from tests.ticker_client.sample_bars import NEW_YORK, apple_days, bar, message_of
from tests.ticker_client.scripted_server import ScriptedServer
from ticker_client import (
    Bar,
    BarInterval,
    Bars,
    CaughtUp,
    InvalidArgument,
    Position,
    Resume,
    TickerClient,
    Unavailable,
)

DAYS = apple_days()[-5:]
MIDNIGHT = 1_767_571_200
"""2026-01-05 in UTC, in seconds."""


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


class GrowingLog:
    """Answers ListBars from ticks of which one more is stored after each answer, two bars to a page.

    Args:
        minutes: the minute of each tick; that of a late one is below that of the one before. Their sequences are 1, 2 ...
        stored: how many are stored at first.
        at_most: how many will ever be stored.
    """

    def __init__(self, minutes: Sequence[int], stored: int, at_most: int) -> None:
        self.minutes = minutes
        self.stored = stored
        self.at_most = at_most
        self.answered = 0

    def answer(self, request: wire.ListBarsRequest) -> wire.ListBarsResponse:
        """Return a page as of this moment."""
        first, stored = int(request.page_token or 0), self.minutes[: self.stored]
        bars = [self._bar(minute) for minute in sorted(set(stored)) if minute >= first]
        token = f"{(bars[2].start_time.seconds - MIDNIGHT) // 60}" if len(bars) > 2 else ""
        page = wire.ListBarsResponse(
            bars=bars[:2], next_page_token=token, log_epoch="e-1", synced_through_sequence=self.stored
        )
        self.stored = min(self.stored + 1, self.at_most)
        self.answered += 1
        return page

    def _bar(self, minute: int) -> wire.Bar:
        found = [place for place, where in enumerate(self.minutes[: self.stored], start=1) if where == minute]
        start = datetime.fromtimestamp(MIDNIGHT + 60 * minute, UTC)
        return message_of(replace(bar(start, [1, 1, 1, 1]), tick_count=len(found), last_sequence=found[-1]))


async def listed(
    server: ScriptedServer, ticker: TickerClient, minutes: Sequence[int], *, stored: int, at_most: int
) -> tuple[Bars, int]:
    """Return the bars of a log that grows, and how many pages that took; check that what is above is in none."""
    log = GrowingLog(minutes, stored, at_most)
    server.answers["ListBars"] = log.answer
    bars = await ticker.bars("AAPL", interval="1m")
    sequences = range(bars.synced_through_sequence + 1, len(minutes) + 1)
    counts = {(one.start_time - bars[0].start_time).seconds // 60: one.tick_count for one in bars}
    last = {(one.start_time - bars[0].start_time).seconds // 60: one.last_sequence for one in bars}
    for sequence in sequences:
        minute = minutes[sequence - 1]
        if sequence > last.get(minute, 0):
            counts[minute] = counts.get(minute, 0) + 1
    assert counts == Counter(minutes)
    return bars, log.answered


def is_of_one_moment(bars: Bars) -> bool:
    """Tell whether no bar has a tick above that behind which a watch goes on."""
    return max(one.last_sequence for one in bars) <= bars.synced_through_sequence == sum(one.tick_count for one in bars)


async def test_new_ticks_do_not_hurt_a_history(server: ScriptedServer, ticker: TickerClient) -> None:
    """Ticks that are stored meanwhile are of the last page: the others are looked at again, and are the same."""
    bars, pages = await listed(server, ticker, [0, 1, 2, 3, 4, 4, 4, 4, 5], stored=5, at_most=9)

    assert is_of_one_moment(bars)
    assert (bars.synced_through_sequence, pages) == (7, 3 + 2)


async def test_a_history_that_stands_still_is_listed_once(server: ScriptedServer, ticker: TickerClient) -> None:
    """Where nothing is stored meanwhile there is nothing to look at again."""
    bars, pages = await listed(server, ticker, [0, 1, 2, 3, 4, 4, 4], stored=6, at_most=6)

    assert is_of_one_moment(bars)
    assert (bars.synced_through_sequence, pages) == (6, 3)


async def test_a_second_look_may_be_longer(server: ScriptedServer, ticker: TickerClient) -> None:
    """A server may end its pages where it likes: what counts is that the bars are the same."""
    server.answers["ListBars"] = pages_of((DAYS[:3], "e-1", 70), (DAYS[3:], "e-1", 90), (DAYS, "e-1", 95))
    bars = await ticker.bars("AAPL")

    assert (tuple(bars), bars.synced_through_sequence, len(server.requests)) == (DAYS, 90, 3)


@pytest.mark.parametrize(("epoch", "synced"), [("e-1", 80), ("e-2", 95)])
async def test_a_second_look_may_be_of_no_use(
    server: ScriptedServer, ticker: TickerClient, epoch: str, synced: int
) -> None:
    """One at an older moment, by another server, or at another price log says nothing: all pages are listed again."""
    server.answers["ListBars"] = pages_of(
        *((DAYS[:3], "e-1", 70), (DAYS[3:], "e-1", 90)),
        *((DAYS[:3], epoch, synced), (DAYS, epoch, 96)),
    )
    bars = await ticker.bars("AAPL")

    assert (tuple(bars), bars.log_epoch, bars.synced_through_sequence) == (DAYS, epoch, 96)


async def test_a_late_tick_has_the_history_listed_anew(server: ScriptedServer, ticker: TickerClient) -> None:
    """A tick of an earlier page that is stored meanwhile would be in no bar: all pages are listed again."""
    bars, pages = await listed(server, ticker, [0, 1, 2, 3, 4, 0, 4, 4, 4, 4, 4, 4, 4], stored=5, at_most=13)

    assert is_of_one_moment(bars)
    assert pages == 3 + 1 + 3 + 2


async def test_late_ticks_without_end_leave_no_hole(server: ScriptedServer, ticker: TickerClient) -> None:
    """Where it never stands still, the watch goes on behind the page that was listed first."""
    bars, pages = await listed(server, ticker, [0, 1, 2, 3, 4] + 10 * [0, 4], stored=5, at_most=25)

    assert not is_of_one_moment(bars)
    assert pages == 3 * (3 + 1)


@pytest.mark.parametrize("seed", range(20))
async def test_history_and_watch_have_each_tick_once(server: ScriptedServer, ticker: TickerClient, seed: int) -> None:
    """Whatever is stored while pages are listed: each tick is in its bar, or comes on the watch and is above the bar's."""
    draw = random.Random(seed)
    minutes = [*range(8)] + [draw.choice((0, 3, 7, 7, 7, 7, 8, 9)) for _ in range(40)]

    await listed(server, ticker, minutes, stored=draw.randint(8, 12), at_most=draw.randint(12, 48))


async def test_a_watch_goes_on_behind_a_history(server: ScriptedServer, ticker: TickerClient) -> None:
    """The position of the history is that of the watch, whose first update follows without a gap."""
    server.answers["ListBars"] = pages_of((DAYS, "e-1", 70))
    bars = await ticker.bars("AAPL")
    stock = watched("AAPL", every_tick=True)
    play(server, [opened(stock), caught_up(), updates(stock_update("AAPL", 8), kind=LIVE), go_away()])
    async with ticker.watch("AAPL", every_tick=True, resume=bars.resume, reconnect=False) as watch:
        events = [event async for event in watch]

    assert server.requests[-1].resume == Resume("e-1", (Position("AAPL", 70, 0),)).to_message()
    assert told(events)[:2] == [CaughtUp, ("AAPL", 8, 0)]
    assert not bars.is_cut


async def test_a_history_of_two_price_logs_is_listed_anew(server: ScriptedServer, ticker: TickerClient) -> None:
    """Where the price log is replaced between two pages, no place in it is behind both: all pages are asked again."""
    server.answers["ListBars"] = pages_of(
        (DAYS[:3], "e-1", 70), (DAYS[3:], "e-2", 5), (DAYS[:3], "e-2", 6), (DAYS[3:], "e-2", 6)
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
