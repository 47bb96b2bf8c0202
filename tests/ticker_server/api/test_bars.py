"""ListBars: bars of any length out of those of a minute, page by page, each page as of one moment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ticker.v1 import price_service_pb2

from tests.support.memory_bars import MemoryBars
from ticker_server.api.bar_requests import parse_list_bars
from ticker_server.api.bars import AT_ONCE, IN_ALL, BarLister
from ticker_server.errors import DatabaseUnavailable
from ticker_server.model.bar import Bar, bar_of, merged
from ticker_server.model.bar_span import LONGEST_SPAN_MINUTES, MINUTE, Spans
from ticker_server.model.stock import Stock
from ticker_server.model.tick import AcceptedTick

Request = price_service_pb2.ListBarsRequest
Response = price_service_pb2.ListBarsResponse
M1, M5, H1 = price_service_pb2.BAR_INTERVAL_1M, price_service_pb2.BAR_INTERVAL_5M, price_service_pb2.BAR_INTERVAL_1H
D1 = price_service_pb2.BAR_INTERVAL_1D
STOCK = Stock("A", "A", "USD", 0)


def tick(sequence: int, minute: float, price: str = "7.50", size: str = "2") -> AcceptedTick:
    """Return a tick of A, traded so many minutes after 1970."""
    return AcceptedTick("A", price, size, int(minute * MINUTE), 0, sequence, sequence)


def request(**fields: Any) -> Request:
    """Return a request for minutes of A, in which fields are set otherwise."""
    return Request(**{"stock_id": "A", "interval": M1, **fields})


def stored(*ticks: AcceptedTick) -> MemoryBars:
    """Return bars of ticks of one epoch."""
    bars = MemoryBars()
    bars.begin("one")
    bars.store(*ticks)
    return bars


async def listed(bars: MemoryBars | BarLister, stock: Stock = STOCK, **fields: Any) -> Response:
    """Return what is answered to a request."""
    lister = bars if isinstance(bars, BarLister) else BarLister(bars, "log")
    return await lister.list_bars(stock, parse_list_bars(request(**fields)))


async def pages(bars: MemoryBars | BarLister, stock: Stock = STOCK, **fields: Any) -> list[Response]:
    """Return all pages of a request."""
    found = [await listed(bars, stock, **fields)]
    while found[-1].next_page_token:
        found.append(await listed(bars, stock, **{**fields, "page_token": found[-1].next_page_token}))
        assert len(found) < 1_000
    return found


def minutes_of(*answers: Response) -> list[int]:
    """Return in which minutes the bars of answers begin."""
    return [bar.start_time.seconds // 60 for answer in answers for bar in answer.bars]


async def test_a_bar_is_told_exactly() -> None:
    """Prices keep the digits of their ticks, a volume has no exponent, and the counts are those of the ticks."""
    bars = stored(
        tick(1, 60, "0.000000001", ""),
        tick(2, 61, "167.40", "0.000000001"),
        tick(4, 62, "0.000000001", "100"),
        tick(7, 119.5, "120.00", "0"),
    )

    (bar,) = (await listed(bars, interval=H1)).bars

    assert (bar.open, bar.high, bar.low, bar.close) == ("0.000000001", "167.40", "0.000000001", "120.00")
    assert (bar.volume, bar.tick_count) == ("100.000000001", 4)
    assert (bar.first_sequence, bar.last_sequence) == (1, 7)
    assert (bar.start_time.seconds, bar.start_time.nanos) == (3600, 0)


async def test_unknown_sizes_are_no_volume() -> None:
    """A bar whose sizes are not known has volume 0."""
    assert [bar.volume for bar in (await listed(stored(tick(1, 0, size="")))).bars] == ["0"]


async def test_an_answer_says_how_far_it_reaches() -> None:
    """An answer has the log epoch and the newest sequence that is in the bars."""
    answer = await listed(stored(tick(3, 0), tick(5, -9)), interval=M1)

    assert (answer.log_epoch, answer.synced_through_sequence) == ("one", 5)
    assert minutes_of(answer) == [-9, 0]
    assert not answer.next_page_token


async def test_nothing_was_ever_stored() -> None:
    """Before anything is stored there are no bars, and a reader goes on before the first tick of the log."""
    answer = await listed(MemoryBars())

    assert not answer.bars
    assert (answer.log_epoch, answer.synced_through_sequence) == ("log", 0)


async def test_sequences_of_a_former_log_do_not_count() -> None:
    """Sequences are those of the present log epoch; a bar that has none of it says 0."""
    bars = stored(tick(40, 0), tick(41, 1))
    bars.begin("two")
    bars.store(tick(2, 1))

    answer = await listed(bars)

    assert [(bar.first_sequence, bar.last_sequence, bar.tick_count) for bar in answer.bars] == [(0, 0, 1), (2, 2, 2)]
    assert (answer.log_epoch, answer.synced_through_sequence) == ("two", 2)


async def test_pages_follow_each_other() -> None:
    """A page has as many bars as were asked for, and the next one goes on after them."""
    answers = await pages(stored(*(tick(n + 1, 2 * n) for n in range(7))), page_size=3)

    assert [minutes_of(answer) for answer in answers] == [[0, 2, 4], [6, 8, 10], [12]]


async def test_a_page_that_is_just_full_is_the_last() -> None:
    """No empty page follows where nothing is left."""
    answers = await pages(stored(*(tick(n + 1, n) for n in range(6))), page_size=3)

    assert [minutes_of(answer) for answer in answers] == [[0, 1, 2], [3, 4, 5]]


async def test_late_ticks_between_pages_are_listed() -> None:
    """What comes late to a span that no page has had yet is in the next one."""
    bars = stored(tick(1, 0), tick(2, 5))
    first = await listed(bars, page_size=1)
    bars.store(tick(3, 2), tick(4, 0))
    second = await listed(bars, page_size=1, page_token=first.next_page_token)

    assert minutes_of(first, second) == [0, 2]
    assert (first.synced_through_sequence, second.synced_through_sequence) == (2, 4)


async def test_no_more_is_read_than_a_page_needs() -> None:
    """One bar more than the page has is enough to know that it is not the last."""
    bars = stored(*(tick(n + 1, n) for n in range(50)))
    await listed(bars, page_size=3)
    await listed(bars, page_size=3, interval=M5)

    assert bars.limits == [4, 16]


async def test_reading_goes_on_until_a_page_is_full() -> None:
    """What is read at once is bounded; the bars are the same, and still as of one moment."""
    bars = stored(*(tick(n + 1, n) for n in range(1_000)))
    answer = await listed(BarLister(bars, "log", at_once=70), interval=H1)

    assert minutes_of(answer) == [60 * n for n in range(17)]
    assert [bar.tick_count for bar in answer.bars] == [*[60] * 16, 40]
    assert bars.limits == [70] * 15


async def test_an_answer_reads_so_much_and_no_more() -> None:
    """After so many stored bars an answer ends with the bars that are complete, and the next one goes on there."""
    lister = BarLister(stored(*(tick(n + 1, n) for n in range(1_000))), "log", at_once=70, in_all=200)
    answers = await pages(lister, interval=H1)

    assert [minutes_of(answer) for answer in answers[:2]] == [[0, 60, 120], [180, 240, 300]]
    assert minutes_of(*answers) == [60 * n for n in range(17)]


async def test_an_answer_is_as_of_one_moment() -> None:
    """If a tick of the stock is stored between two reads of an answer, the later one is left to the next page."""
    bars = stored(*(tick(n + 1, n) for n in range(300)))
    late = iter(tick(1_000 + n, 0.5) for n in range(100))
    bars.before_read = lambda: bars.store(next(late))
    answers = await pages(BarLister(bars, "log", at_once=70), interval=H1)

    assert [minutes_of(answer) for answer in answers] == [[0], [60], [120], [180], [240]]
    assert [answer.synced_through_sequence for answer in answers] == [1000, 1002, 1004, 1006, 1008]
    assert [bar.tick_count for answer in answers for bar in answer.bars] == [61, 60, 60, 60, 60]


async def test_a_new_log_ends_an_answer_too() -> None:
    """Bars of two log epochs do not come in one answer, even if their sequences are equal."""
    bars = stored(*(tick(n + 1, n) for n in range(300)))
    epochs = iter(["one", "two"])

    def begin() -> None:
        if (epoch := next(epochs, "")) == "two":
            bars.begin(epoch)
            bars.store(tick(300, 0))

    bars.before_read = begin
    answers = await pages(BarLister(bars, "log", at_once=70), interval=H1)

    assert [(answer.log_epoch, len(answer.bars)) for answer in answers] == [("one", 1), ("two", 4)]


async def test_any_day_fits_into_what_is_read_at_once() -> None:
    """A page has a bar at least, even of the longest day, in each minute of which there was a tick."""
    assert AT_ONCE > LONGEST_SPAN_MINUTES
    bars = stored(*(tick(n + 200_000, n) for n in range(-95 * 1_440, -90 * 1_440)))
    late = iter(tick(10_000_000 + n, 9) for n in range(100))
    bars.before_read = lambda: bars.store(next(late))

    answers = await pages(bars, interval=D1, time_zone="Pacific/Kwajalein", page_size=9)

    assert 47 * 60 in [bar.tick_count for answer in answers for bar in answer.bars]
    assert IN_ALL > AT_ONCE


@pytest.mark.parametrize(("hidden_epoch", "shown"), [("two", [3, 4]), ("one", [0, 1, 2, 3, 4]), ("", [0, 1, 2, 3, 4])])
async def test_bars_of_a_former_life_are_hidden(hidden_epoch: str, shown: list[int]) -> None:
    """Of a stock that was deleted and created again, minutes before are not listed; the one in which it was is."""
    bars = stored(tick(40, 0), tick(41, 1))
    bars.begin("two")
    bars.store(tick(1, 1), tick(2, 2), tick(3, 3), tick(4, 3), tick(5, 4))
    stock = replace(STOCK, hidden_through=3, hidden_epoch=hidden_epoch)

    answers = await pages(BarLister(bars, "log", at_once=2, in_all=2), stock)

    assert minutes_of(*answers) == shown


async def test_late_ticks_among_those_of_a_former_life() -> None:
    """A minute of the present life is listed, however many of the former one come after it."""
    bars = stored(*(tick(n + 1, n) for n in range(20)), tick(30, 0), tick(31, 7))
    stock = replace(STOCK, hidden_through=29, hidden_epoch="one")

    answers = await pages(BarLister(bars, "log", at_once=3, in_all=3), stock)

    assert minutes_of(*answers) == [0, 7]
    assert len(answers) > 2


async def test_a_page_of_days_has_no_more_than_were_asked_for() -> None:
    """How many minutes a day has is not known before: what is read too much is left to the next page."""
    answers = await pages(stored(*(tick(n + 1, 600 * n) for n in range(12))), interval=D1, page_size=2)

    assert [minutes_of(answer) for answer in answers] == [[0, 1440], [2 * 1440, 3 * 1440], [4 * 1440]]


async def test_database_that_is_away() -> None:
    """A database that is away is told to the caller, and the next one is answered when it is back."""
    bars = stored(tick(1, 0))
    lister = BarLister(bars, "log")
    bars.away = True
    for _ in range(5):
        with pytest.raises(DatabaseUnavailable):
            await listed(lister)
    bars.away = False

    assert minutes_of(await listed(lister)) == [0]


ROWS = st.lists(
    st.tuples(
        st.floats(-200, 300, width=32),
        st.sampled_from(["7", "7.50", "0.000000001", "999999999999.999999999"]),
        st.sampled_from(["", "0", "2.5"]),
    ),
    min_size=20,
    max_size=60,
)


def spans_of(ticks: Sequence[AcceptedTick], spans: Spans) -> dict[int, Bar]:
    """Return the bars of ticks by their start."""
    found: dict[int, Bar] = {}
    for one in ticks:
        bar = bar_of(one, 1, MINUTE)
        start = spans.start(bar.start)
        found[start] = replace(bar, start=start) if start not in found else merged(found[start], bar, start)
    return found


def expected_of(
    ticks: Sequence[AcceptedTick], spans: Spans
) -> dict[int, tuple[Decimal, Decimal, Decimal, int, int, int]]:
    """Return what a reader can compute of ticks, by the start of their span in seconds."""
    return {start // 10**9: figures(bar) for start, bar in spans_of(ticks, spans).items()}


def figures(bar: Bar | price_service_pb2.Bar) -> tuple[Decimal, Decimal, Decimal, int, int, int]:
    """Return what a reader can compute of a bar and of ticks that come to it in any order."""
    return (
        Decimal(bar.high),
        Decimal(bar.low),
        Decimal(bar.volume),
        bar.tick_count,
        bar.first_sequence,
        bar.last_sequence,
    )


def joined(
    answers: Sequence[Response], watched: Sequence[AcceptedTick], spans: Spans
) -> dict[int, tuple[Decimal, Decimal, Decimal, int, int, int]]:
    """Join pages to the ticks of a watch, as the comment of ListBars says."""
    found = {bar.start_time.seconds: figures(bar) for answer in answers for bar in answer.bars}
    listed_through = {bar.start_time.seconds: bar.last_sequence for answer in answers for bar in answer.bars}
    for one in watched:
        start = spans.start(one.trade_time - one.trade_time % MINUTE) // 10**9
        if one.sequence <= listed_through.get(start, 0):
            continue
        price, size = Decimal(one.price), Decimal(one.size or 0)
        high, low, volume, count, first, last = found.get(start, (price, price, Decimal(), 0, one.sequence, 0))
        found[start] = (
            max(high, price),
            min(low, price),
            volume + size,
            count + 1,
            min(first, one.sequence),
            max(last, one.sequence),
        )
    return found


@given(
    rows=ROWS,
    begun=st.integers(0, 10),
    steps=st.lists(st.integers(0, 4), min_size=10, max_size=60),
    page_size=st.integers(1, 5),
    interval=st.sampled_from([(M1, 2), (M5, 6), (M5, 7), (H1, 61)]),
)
async def test_bars_and_a_watch_join_without_a_seam(
    rows: list[tuple[float, str, str]], begun: int, steps: list[int], page_size: int, interval: tuple[int, int]
) -> None:
    """Whatever is stored while the pages are read, each tick is in its bar once: from a page, or from the watch.

    And the bars of each page are those of the ticks up to where it says that it reaches.
    """
    ticks = [tick(sequence, *row) for sequence, row in enumerate(rows, 1)]
    left: Iterator[AcceptedTick] = iter(ticks[begun:])
    counts = iter(steps)
    bars = stored(*ticks[:begun])
    bars.before_read = lambda: bars.store(*(one for _, one in zip(range(next(counts, 0)), left, strict=False)))
    fields = {"interval": interval[0], "page_size": page_size}
    spans = parse_list_bars(request(**fields)).spans

    answers = await pages(BarLister(bars, "log", at_once=interval[1]), **fields)
    watched = [one for one in ticks if one.sequence > answers[0].synced_through_sequence]

    assert joined(answers, watched, spans) == expected_of(ticks, spans)
    for answer in answers:
        reached = expected_of(ticks[: answer.synced_through_sequence], spans)
        assert all(figures(bar) == reached[bar.start_time.seconds] for bar in answer.bars)
