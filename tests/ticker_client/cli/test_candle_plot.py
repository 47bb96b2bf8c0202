"""The picture of a history."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from datetime import UTC, datetime

import matplotlib as mpl
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from tests.ticker_client.sample_bars import apple_days, bar, walking_day
from ticker_client import Bar, BarInterval
from ticker_client.cli.candle_plot import PICTURE_SIZE, figure_of, png_of
from ticker_client.cli.caption import Caption

DAYS = Caption("AAPL", "Apple Inc.", "USD", BarInterval.ONE_DAY, "UTC")
MINUTES = Caption("AAPL", "AAPL", "USD", BarInterval.FIVE_MINUTES, "America/New_York")


def words_of(figure: Figure) -> list[str]:
    """Return what is written in and around the axes, but not on them."""
    return [text.get_text() for axes in figure.axes for text in (axes.title, axes._left_title, *axes.texts)]  # type: ignore[attr-defined]


def labels_of(axes: Axes, side: str) -> list[str]:
    """Return what is written on an axis."""
    axis = axes.xaxis if side == "x" else axes.yaxis
    return [label.get_text() for label in axis.get_ticklabels()]


def candles_of(bars: Sequence[Bar]) -> tuple[LineCollection, PolyCollection]:
    """Return the wicks and the bodies of a figure."""
    wicks, bodies = figure_of(bars, DAYS).axes[0].collections
    assert isinstance(wicks, LineCollection)
    assert isinstance(bodies, PolyCollection)
    return wicks, bodies


@pytest.mark.parametrize("count", [1, 20, 2000])
def test_a_picture_is_a_png_of_its_size(count: int) -> None:
    """For few bars and for many the file is a PNG of the same size, not too large for a page."""
    png = png_of(apple_days()[-count:], DAYS)

    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    assert png.endswith(b"IEND\xaeB`\x82")
    assert struct.unpack(">II", png[16:24]) == PICTURE_SIZE
    assert len(png) < 200_000


def test_the_words_say_what_it_is() -> None:
    """Title, interval, span, zone, currency, last price, highest and lowest stand on the picture."""
    assert [word for word in words_of(figure_of(apple_days()[-252:], DAYS)) if word] == [
        "AAPL  Apple Inc.",
        "705.07",
        "429.98",
        "430.47",
        "1-day bars · 2012-02-29 to 2013-03-01 · UTC · USD",
        "last 430.47   -111.09 (-20.51%)",
        "Volume",
    ]


def test_the_axes_have_round_numbers_on_the_right_and_dates_below() -> None:
    """Prices and volumes stand on the right, and months below both panels; none is behind the last price."""
    prices, volumes = figure_of(apple_days()[-252:], DAYS).axes

    assert labels_of(prices, "y") == ["450", "500", "550", "600", "650", "700"]
    assert {prices.yaxis.get_ticks_position(), volumes.yaxis.get_ticks_position()} == {"right"}
    assert labels_of(volumes, "y")[:3] == ["0", "25 M", "50 M"]
    assert labels_of(volumes, "x")[:2] == ["Mar\n2012", "Apr\n"]
    assert "Jan\n2013" in labels_of(volumes, "x")
    assert prices.xaxis.get_gridlines()


def test_candles_stand_side_by_side() -> None:
    """Each bar has the next place, whatever lies between: a body from open to close, a wick from low to high."""
    week = apple_days()[-5:]
    wicks, bodies = candles_of(week)

    assert [[tuple(point) for point in wick] for wick in wicks.get_segments()] == [
        [(place, float(day.low)), (place, float(day.high))] for place, day in enumerate(week)
    ]
    bottoms_and_tops = [(path.vertices[:, 1].min(), path.vertices[:, 1].max()) for path in bodies.get_paths()]
    assert bottoms_and_tops == [tuple(sorted((float(day.open), float(day.close)))) for day in week]


def test_colours_are_told_apart_by_anybody() -> None:
    """What rises is blue, what falls is vermilion; a close at the opening has risen."""
    day = datetime(2026, 1, 5, tzinfo=UTC)
    wicks, bodies = candles_of([bar(day, [1, 3, 1, 2]), bar(day, [2, 3, 1, 1]), bar(day, [2, 3, 1, 2])])

    for collection in (wicks, bodies):
        assert [to_hex(colour) for colour in collection.get_edgecolor()] == ["#0072b2", "#d55e00", "#0072b2"]


def test_a_day_has_its_hours_and_its_cents() -> None:
    """Of a day the hours of its zone are marked; without volumes there is no panel for them."""
    figure = figure_of(walking_day(), MINUTES)
    silent = figure_of(
        [bar(one.start_time, [one.open, one.high, one.low, one.close]) for one in walking_day()], MINUTES
    )

    assert labels_of(figure.axes[1], "x")[:2] == ["09:30\nFri Mar 1", "10:00\n"]
    assert len(silent.axes) == 1
    assert labels_of(silent.axes[0], "x")[:2] == ["09:30\nFri Mar 1", "10:00\n"]


def test_nothing_is_written_behind_the_last_price() -> None:
    """A round price that the last one hides is left out, its line is not."""
    axes = figure_of([bar(datetime(2026, 1, 5, tzinfo=UTC), [90, 110, 90, "100.1"])], DAYS).axes[0]

    assert labels_of(axes, "y") == ["90", "95", "", "105", "110"]
    assert 100 in axes.get_yticks()


@pytest.mark.parametrize("price", ["0.000000123", "7", "999999999999"])
def test_one_price_is_a_picture_as_well(price: str) -> None:
    """A bar whose prices are all the same has an axis around it, however small or large it is."""
    bottom, top = figure_of([bar(datetime(2026, 1, 5, tzinfo=UTC), [price] * 4)], DAYS).axes[0].get_ylim()

    assert bottom < float(price) < top
    assert png_of([bar(datetime(2026, 1, 5, tzinfo=UTC), [price] * 4)], DAYS)


def test_a_name_may_have_any_letters() -> None:
    """A name is no formula, and letters that the font lacks are no trouble."""
    odd = Caption("AAPL", r"A$\frac{$P 株", "USD", BarInterval.ONE_DAY, "UTC")

    assert png_of(apple_days()[-3:], odd)


def test_the_settings_of_a_machine_do_not_count() -> None:
    """The picture is the same, byte by byte, whatever style is set; and that stays as it is."""
    plain = png_of(apple_days()[-3:], DAYS)
    with mpl.rc_context({"axes.facecolor": "black", "font.size": 30}):
        assert png_of(apple_days()[-3:], DAYS) == plain
        assert mpl.rcParams["font.size"] == 30
