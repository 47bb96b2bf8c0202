"""A history as a picture: candles with their volume below, drawn by matplotlib of the extra `history`."""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from ticker_client.bars import Bar
from ticker_client.cli.caption import Caption
from ticker_client.cli.time_axis import time_marks

__all__ = ["PICTURE_SIZE", "figure_of", "png_of"]

_INCHES = (12.0, 6.75)
_DPI = 200  # twice what a screen of today is said to have, so that it is sharp on one with small pixels
PICTURE_SIZE = (2400, 1350)
"""Width and height in pixels."""

# Blue and vermilion of Okabe and Ito: told apart with any colour vision, and by their lightness in grey, too.
_UP, _DOWN = "#0072b2", "#d55e00"
_UP_VOLUME, _DOWN_VOLUME = "#8dbfdc", "#ecb78f"
_INK, _FAINT, _GRID = "#222222", "#6b6b6b", "#e4e4e4"
_AXES_POINTS = 790.0  # the width of the axes, roughly
_WIDEST_BODY = 16.0  # points
_MARKS = 14
_BEHIND = {"boxstyle": "square,pad=0.15", "facecolor": "white", "edgecolor": "none"}


class _Strokes(NamedTuple):
    """How thick a candle is: the body in bars, its edge and the wick in points."""

    body: float
    edge: float
    wick: float

    @classmethod
    def of(cls, count: int) -> _Strokes:
        """Return what suits so many bars: of 20 none is a wall, of 2,000 each is a hairline of its own."""
        room = _AXES_POINTS / count
        return cls(min(0.72, _WIDEST_BODY / room), min(0.6, 0.2 * room), min(1.1, max(0.35, 0.3 * room)))


def png_of(bars: Sequence[Bar], caption: Caption) -> bytes:
    """Return the picture of bars, at least one, as a PNG."""
    file = io.BytesIO()
    # Whatever the settings of this machine are.
    with style.context("default", after_reset=True), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph ")  # of a name, which the font does not have: it is a box
        figure_of(bars, caption).savefig(file, format="png", dpi=_DPI, metadata={"Software": None})
    return file.getvalue()


def figure_of(bars: Sequence[Bar], caption: Caption) -> Figure:
    """Return the figure of bars, at least one. It has no window, and no state beyond itself."""
    figure = Figure(figsize=_INCHES, facecolor="white", layout="constrained")
    figure.get_layout_engine().set(rect=(0, 0, 1, 0.985), w_pad=0.12, h_pad=0.04, hspace=0, wspace=0)  # type: ignore[call-arg, union-attr]
    has_volume = any(bar.volume for bar in bars)
    if has_volume:
        price_axes, volume_axes = figure.subplots(2, 1, sharex=True, height_ratios=[4, 1])
        _draw_volume(volume_axes, bars)
        price_axes.tick_params(labelbottom=False)
    else:
        price_axes = figure.subplots()
    _draw_prices(price_axes, bars)
    _draw_times(figure.axes, bars)
    _write(price_axes, bars, caption)
    return figure


def _draw_prices(axes: Axes, bars: Sequence[Bar]) -> None:
    strokes = _Strokes.of(len(bars))
    colours = [_colour(bar) for bar in bars]
    wicks = [[(place, float(bar.low)), (place, float(bar.high))] for place, bar in enumerate(bars)]
    half = strokes.body / 2
    bodies = [[(place + side, float(price)) for side, price in _corners(bar, half)] for place, bar in enumerate(bars)]
    axes.add_collection(LineCollection(wicks, colors=colours, linewidths=strokes.wick, zorder=2))
    axes.add_collection(
        PolyCollection(bodies, facecolors=colours, edgecolors=colours, linewidths=max(strokes.edge, 0.3), zorder=3)
    )
    low, high = min(float(bar.low) for bar in bars), max(float(bar.high) for bar in bars)
    room = 0.07 * (high - low) or 0.01 * high
    bottom, top = max(0.0, low - room), high + room
    axes.set_ylim(bottom, top)
    _scale(axes, bottom, top, last=float(bars[-1].close))
    _mark_extremes(axes, bars)
    _mark_last(axes, bars[-1])


def _scale(axes: Axes, bottom: float, top: float, *, last: float) -> None:
    """Write round prices on the axis, but none where the last price will be written."""
    ticks = MaxNLocator(nbins=9, steps=[1, 2, 5, 10]).tick_values(bottom, top)
    shown = [tick for tick in ticks if bottom <= tick <= top]
    decimals = max(0, -math.floor(math.log10(ticks[1] - ticks[0]) + 1e-9))
    room = 0.03 * (top - bottom)
    axes.set_yticks(shown, ["" if abs(tick - last) < room else f"{tick:,.{decimals}f}" for tick in shown])


def _corners(bar: Bar, half: float) -> list[tuple[float, Decimal]]:
    return [(-half, bar.open), (-half, bar.close), (half, bar.close), (half, bar.open)]


def _mark_extremes(axes: Axes, bars: Sequence[Bar]) -> None:
    """Write the highest and the lowest price beside their candles."""
    highest, lowest = max(bars, key=lambda bar: bar.high), min(bars, key=lambda bar: bar.low)
    for bar, price, offset, side in ((highest, highest.high, 4, "bottom"), (lowest, lowest.low, -4, "top")):
        place = bars.index(bar)
        align = "left" if place < 0.05 * len(bars) else "right" if place > 0.95 * len(bars) else "center"
        axes.annotate(
            f"{price:,f}",
            (place, float(price)),
            (0, offset),
            textcoords="offset points",
            ha=align,
            va=side,
            fontsize=8,
            color=_FAINT,
        )


def _mark_last(axes: Axes, last: Bar) -> None:
    """Draw a line at the last price, and write it on the axis."""
    colour = _colour(last)
    axes.axhline(float(last.close), color=colour, linewidth=0.7, linestyle=(0, (4, 3)), zorder=1)
    axes.annotate(
        f"{last.close:,f}",
        (1, float(last.close)),
        (3, 0),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
        va="center",
        fontsize=8.5,
        fontweight="bold",
        color="white",
        bbox={"boxstyle": "square,pad=0.3", "facecolor": colour, "edgecolor": colour},
        zorder=5,
    )


def _draw_volume(axes: Axes, bars: Sequence[Bar]) -> None:
    strokes = _Strokes.of(len(bars))
    axes.bar(
        range(len(bars)),
        [float(bar.volume) for bar in bars],
        width=strokes.body,
        color=[_UP_VOLUME if bar.close >= bar.open else _DOWN_VOLUME for bar in bars],
        zorder=2,
    )
    axes.set_ylim(0, 1.3 * max(float(bar.volume) for bar in bars))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=3, prune="upper"))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda volume, _: _short(volume)))
    axes.text(0.006, 0.93, "Volume", transform=axes.transAxes, va="top", fontsize=8.5, color=_FAINT, bbox=_BEHIND)


def _draw_times(panels: Sequence[Axes], bars: Sequence[Bar]) -> None:
    """Let bars stand side by side, whatever lies between them, and let the axis say when each begins."""
    marks = time_marks(bars, _MARKS)
    for axes in panels:
        axes.set_xlim(-1, len(bars))
        axes.set_xticks([mark.place for mark in marks], [f"{mark.text}\n{mark.above}" for mark in marks])
        axes.yaxis.tick_right()
        axes.grid(color=_GRID, linewidth=0.7)
        axes.set_axisbelow(True)
        axes.tick_params(length=0, labelsize=8.5, labelcolor=_INK, pad=5)
        for spine in axes.spines.values():
            spine.set_color("#bdbdbd")
            spine.set_linewidth(0.8)


def _write(axes: Axes, bars: Sequence[Bar], caption: Caption) -> None:
    """Write what the picture is of: on the left what it shows, on the right what became of the price."""
    # Names are no formulas, whatever signs are in them.
    axes.set_title(caption.headline(), loc="left", fontsize=14, fontweight="bold", color=_INK, pad=24, parse_math=False)
    for side, text, colour in ((0, caption.subtitle(bars), _FAINT), (1, caption.summary(bars), _INK)):
        axes.annotate(
            text,
            (side, 1),
            (0, 7),
            xycoords="axes fraction",
            textcoords="offset points",
            ha="right" if side else "left",
            va="bottom",
            fontsize=9.5,
            color=colour,
            parse_math=False,
        )


def _colour(bar: Bar) -> str:
    return _UP if bar.close >= bar.open else _DOWN


def _short(volume: float) -> str:
    for size, unit in ((1e9, "B"), (1e6, "M"), (1e3, "K")):
        if volume >= size:
            return f"{volume / size:g} {unit}"
    return f"{volume:g}"
