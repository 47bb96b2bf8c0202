"""Bars: whatever the order in which ticks come, a bar is what they are together."""

from __future__ import annotations

import random
from decimal import Decimal
from functools import reduce

from hypothesis import given
from hypothesis import strategies as st

from ticker_server.model.bar import Bar, Mark, bar_of, merged
from ticker_server.model.tick import AcceptedTick

MINUTE = 60_000_000_000
Placed = tuple[AcceptedTick, int]

_PLACED = st.lists(
    st.tuples(
        st.sampled_from(["7", "7.5", "123.456789012", "0.000000001"]),
        st.sampled_from(["", "0", "2.5", "100"]),
        st.integers(-2 * MINUTE, 2 * MINUTE),
        st.integers(1, 3),
    ),
    min_size=1,
    max_size=20,
)


def placed(rows: list[tuple[str, str, int, int]]) -> list[Placed]:
    """Return ticks with their epochs, in which their sequences grow by fives."""
    return [
        (AcceptedTick("A", price, size, time, 0, 5 * place, place), epoch)
        for place, (price, size, time, epoch) in enumerate(rows, 1)
    ]


def expected(ticks: list[Placed]) -> Bar:
    """Return the bar of ticks, worked out from all of them at once."""
    by_time = sorted(ticks, key=lambda one: (one[0].trade_time, one[1], one[0].sequence))
    (first, first_epoch), (last, last_epoch) = by_time[0], by_time[-1]
    prices = [Decimal(tick.price) for tick, _ in ticks]
    newest = max(epoch for _, epoch in ticks)
    sequences = [tick.sequence for tick, epoch in ticks if epoch == newest]
    return Bar(
        "A",
        0,
        Decimal(first.price),
        max(prices),
        min(prices),
        Decimal(last.price),
        sum((Decimal(tick.size or 0) for tick, _ in ticks), Decimal()),
        len(ticks),
        newest,
        min(sequences),
        max(sequences),
        Mark(first.trade_time, first_epoch, first.sequence),
        Mark(last.trade_time, last_epoch, last.sequence),
    )


@given(_PLACED, st.randoms(use_true_random=False))
def test_any_order_makes_the_same_bar(rows: list[tuple[str, str, int, int]], chance: random.Random) -> None:
    """Bars of single ticks, merged in any order and in any groups, are the bar of all of them."""
    ticks = placed(rows)
    bars = [bar_of(tick, epoch, MINUTE) for tick, epoch in ticks]
    while len(bars) > 1:
        one = bars.pop(chance.randrange(len(bars)))
        other = bars.pop(chance.randrange(len(bars)))
        bars.append(merged(one, other, 0))

    assert merged_to(bars[0], 0) == expected(ticks)


@given(_PLACED)
def test_in_turn(rows: list[tuple[str, str, int, int]]) -> None:
    """Merged one after the other it is the same, too."""
    ticks = placed(rows)

    whole = reduce(lambda one, other: merged(one, other, 0), (bar_of(tick, epoch, MINUTE) for tick, epoch in ticks))

    assert merged_to(whole, 0) == expected(ticks)


def test_spans_begin_at_multiples_of_their_length() -> None:
    """A tick lies in the span that holds its trade time, before 1970 as well."""
    times = [0, 1, MINUTE - 1, MINUTE, -1, -MINUTE]

    starts = [bar_of(AcceptedTick("A", "1", "", time, 0, 1, 1), 1, MINUTE).start for time in times]

    assert starts == [0, 0, 0, MINUTE, -MINUTE, -MINUTE]


def merged_to(bar: Bar, start: int) -> Bar:
    """Return a bar in the span that begins at a moment."""
    return Bar(**{name: getattr(bar, name) for name in Bar.__slots__} | {"start": start})
