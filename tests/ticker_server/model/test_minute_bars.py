"""Minute bars that are taken in tick by tick are the bars that merging comes to."""

from __future__ import annotations

from functools import reduce
from itertools import groupby

from hypothesis import given
from hypothesis import strategies as st

from ticker_server.model.bar import Bar, bar_of, merged
from ticker_server.model.minute_bars import MINUTE, MinuteBars
from ticker_server.model.tick import AcceptedTick

_TICKS = st.lists(
    st.tuples(
        st.sampled_from(["A", "B"]),
        st.sampled_from(["7", "7.50", "123.456789012", "0.000000001"]),
        st.sampled_from(["", "0", "2.5", "100"]),
        st.one_of(st.integers(-2 * MINUTE, 2 * MINUTE), st.sampled_from([-(2**63), 0, MINUTE - 1, MINUTE])),
    ),
    max_size=30,
)
Row = tuple[str, str, str, int]


def ticks_of(rows: list[Row]) -> list[AcceptedTick]:
    """Return ticks in the log's order."""
    return [AcceptedTick(stock, price, size, time, 0, 3 * n, n) for n, (stock, price, size, time) in enumerate(rows, 1)]


def merged_bars(ticks: list[AcceptedTick]) -> list[Bar]:
    """Return the bars of ticks by merging those of each."""

    def place(bar: Bar) -> tuple[str, int]:
        return bar.stock_id, bar.start

    bars = sorted((bar_of(tick, 4, MINUTE) for tick in ticks), key=place)
    return [reduce(merged, group) for _, group in groupby(bars, place)]


@given(_TICKS)
def test_bars_are_those_of_merging(rows: list[Row]) -> None:
    """What was added comes out as the merged bars of its ticks, ordered by stock and minute, and once."""
    ticks, bars = ticks_of(rows), MinuteBars(4)
    for tick in ticks:
        bars.add(tick)

    assert len(bars) == len(merged_bars(ticks))
    assert bars.take() == merged_bars(ticks)
    assert (len(bars), bars.take()) == (0, [])


@given(_TICKS, st.integers(0, 30), st.integers(0, 30))
def test_what_is_put_back_is_taken_again(rows: list[Row], first: int, second: int) -> None:
    """Bars that are put back come again, merged with what was added meanwhile and what is added later."""
    ticks, bars = ticks_of(rows), MinuteBars(4)
    for place, tick in enumerate(ticks):
        if place == first:
            taken = bars.take()
        if place == max(first, second):
            bars.put_back(taken)
        bars.add(tick)
    if first < len(ticks) <= max(first, second):
        bars.put_back(taken)

    assert bars.take() == merged_bars(ticks)


def test_taken_bars_do_not_change() -> None:
    """A bar that was taken, and put back, stays as it was while more is added."""
    one, two = ticks_of([("A", "7", "1", 5), ("A", "9", "1", 6)])
    bars = MinuteBars(4)
    bars.add(one)
    taken = bars.take()
    bars.put_back(taken)
    bars.add(two)

    assert taken == [bar_of(one, 4, MINUTE)]
