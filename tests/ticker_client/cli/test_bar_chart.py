"""The chart of a history in a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from tests.ticker_client.sample_bars import apple_days, bar
from ticker_client import Bar, BarInterval
from ticker_client.cli.bar_chart import chart_lines
from ticker_client.cli.caption import Caption

DAYS = Caption("AAPL", "Apple Inc.", "USD", BarInterval.ONE_DAY, "UTC")


def lines_of(bars: Sequence[Bar], *, width: int = 80, height: int = 24) -> list[str]:
    """Return the chart as plain text."""
    return [line.plain for line in chart_lines(bars, DAYS, width=width, height=height)]


def test_a_month_has_a_candle_for_each_day() -> None:
    """Rising candles are slim, falling ones broad; the axis has round prices, the last one, volume and dates."""
    assert lines_of(apple_days()[-20:], width=70, height=20) == [
        "AAPL  Apple Inc.",
        "1-day bars · 2013-02-01 to 2013-03-01 · UTC · USD",
        "last 430.47   -28.64 (-6.24%)   high 484.94   low 429.98   volume 353.4M",
        "",
        "                  ╽  ▄                                      ┤ 480",
        "               ╽  ╿  █  ╷                                   │",
        "         ╷  ╽  │     █  ▄  ╽  █                             │",
        "▄     ╻  │  ╿           ╵  ╹  █  ▄  ▄                       ┤ 460",
        "█  █  ┃  ╿  ╵                    ╵  █     ╻  █  ╷  ╷        │",
        "╵  █  ┃                             ▀  ╽  ╹  █  ┃  █  ▄     │",
        "   ▀  ╵                                      ▀  │  ╵  ▀  ▄  ┤ 440",
        "                                                         █  ◄ 430.47",
        "▂     ▄  ▄  █  ▆  ▂  ▅                          ▁  ▄     ▃  ┤ 25.2M",
        "█  █  █  █  █  █  █  █  █  ▄  ▅  ▇  █  ▇  ▃  ▅  █  █  ▃  █  │",
        "█  █  █  █  █  █  █  █  █  █  █  █  █  █  █  █  █  █  █  █  │",
        "───┬──────────────┬──────────────┬───────────┬──────────────┘",
        "   Feb 4          Feb 11         Feb 19      Feb 25",
        "   2013",
    ]


def test_more_bars_than_room_share_columns() -> None:
    """A year in 80 columns has several days in each column, and says how many; no price is lost by it."""
    year = lines_of(apple_days()[-252:])

    assert year[1].endswith(" · 4 to a column")
    assert max(map(len, year)) <= 80
    assert len(year) < 24


def test_a_column_has_all_of_its_bars() -> None:
    """A column opens with its first bar and closes with its last; it has the highest, the lowest and all volume of them."""
    prices = [(5, 6, 4, 5), (5, 9, 5, 5), (5, 5, 1, 6), (6, 6, 6, 6)] * 8
    start = datetime(2026, 1, 5, tzinfo=UTC)
    bars = [bar(start + timedelta(minutes=5 * place), [*each], 5) for place, each in enumerate(prices)]

    assert lines_of(bars, width=13, height=5)[2:] == [
        "last 6   +1 (+20.00%)   high 9   low 1   volume 160",
        "",
        "│││││││││",
        "│││││││││",
        "┃┃┃┃┃┃┃┃◄ 6",
        "│││││││││",
        "│││││││││",
        "│││││││││",
        "████████┤ 20",
        "████████│",
        "████████│",
        "┬───────┘",
        "00:00",
        "Mon Jan 5",
    ]


def test_a_mark_at_the_edge_has_no_room_for_its_words() -> None:
    """A month that begins with the last column is marked, and named only where its name fits."""
    wide, narrow = (lines_of(apple_days()[-60:], width=width)[-3:] for width in (80, 71))

    assert wide[0] == narrow[0]
    assert wide[0].endswith("┬┘")
    assert [lines[1].split() for lines in (wide, narrow)] == [["Dec", "Jan", "Feb", "Mar"], ["Dec", "Jan", "Feb"]]


def test_colours_tell_rising_from_falling() -> None:
    """A rising candle is blue and a falling one orange, which any colour vision tells apart."""
    start = datetime(2026, 1, 5, tzinfo=UTC)
    lines = chart_lines([bar(start, [1, 4, 1, 4]), bar(start, [4, 4, 1, 1])], DAYS, width=80, height=24)
    colours = {line.plain[span.start]: span.style for line in lines[4:-3] for span in line.spans}

    assert (colours["┃"], colours["█"]) == ("#56b4e9", "#e69f00")


def test_one_price_is_a_chart_as_well() -> None:
    """A bar whose prices are all the same, without a volume, is one line of a candle."""
    lines = lines_of([bar(datetime(2026, 1, 5, tzinfo=UTC), [7, 7, 7, 7])], height=10)

    assert lines[2] == "last 7   +0 (+0.00%)   high 7   low 7   volume 0"
    assert [line for line in lines if "◄ 7" in line] == ["╻  ◄ 7"]
    assert not any("█" in line for line in lines)


PRICES = st.lists(st.decimals("0.000000001", "999999999999", places=9), min_size=4, max_size=4)


@given(st.lists(PRICES, min_size=1, max_size=200), st.integers(40, 200), st.integers(5, 60))
def test_every_line_fits(prices: list[list[object]], width: int, height: int) -> None:
    """Whatever the prices, nothing is wider than the terminal but the words of the heading."""
    start = datetime(2026, 1, 5, tzinfo=UTC)
    bars = [
        bar(start + timedelta(minutes=5 * place), [a, max(each), min(each), b], 10)
        for place, each in enumerate(prices)
        for a, b in [(each[0], each[3])]
    ]
    lines = lines_of(bars, width=width, height=height)

    assert max(map(len, lines[4:])) <= width
    assert sum("◄" in line for line in lines) == 1
