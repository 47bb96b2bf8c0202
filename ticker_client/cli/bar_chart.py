"""A history in a terminal: candles with their volume below, of characters. Pure: bars in, lines out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, Decimal

from rich.text import Text

from ticker_client.bars import Bar
from ticker_client.cli.caption import Caption
from ticker_client.cli.magnitudes import magnitude_text
from ticker_client.cli.time_axis import time_marks

__all__ = ["chart_lines"]

_UP, _DOWN, _DIM = "#56b4e9", "#e69f00", "dim"  # told apart with any colour vision, on dark and on light
_NOTHING, _WICK, _BODY = 0, 1, 2
# By the upper and the lower half of a cell. What rises is slim, what falls is broad: to be seen without colours.
_RISING = {
    (_BODY, _BODY): "┃",
    (_BODY, _WICK): "╿",
    (_WICK, _BODY): "╽",
    (_BODY, _NOTHING): "╹",
    (_NOTHING, _BODY): "╻",
    (_WICK, _WICK): "│",
    (_WICK, _NOTHING): "╵",
    (_NOTHING, _WICK): "╷",
    (_NOTHING, _NOTHING): " ",
}
_FALLING = _RISING | {
    (_BODY, _BODY): "█",
    (_BODY, _WICK): "▀",
    (_WICK, _BODY): "▄",
    (_BODY, _NOTHING): "▀",
    (_NOTHING, _BODY): "▄",
}
_EIGHTHS = " ▁▂▃▄▅▆▇█"
_VOLUME_ROWS = 3
_OTHER_LINES = 9
_FEWEST_ROWS, _MOST_ROWS = 6, 24
_WIDEST_SPACING = 3
_MARK_ROOM = 10


@dataclass(frozen=True, slots=True)
class _Scale:
    """Prices and the rows that they are on; rows count from the bottom."""

    low: Decimal
    high: Decimal
    rows: int

    def half_row(self, price: Decimal) -> int:
        """Return which half of a row a price is on."""
        span = self.high - self.low
        return int((price - self.low) / span * (2 * self.rows - 1) + Decimal("0.5")) if span else self.rows

    def ticks(self) -> dict[int, Decimal]:
        """Return round prices by their rows, at least two rows apart."""
        span = self.high - self.low
        if not span:
            return {}
        step = _round_step(span * 2 / self.rows)
        first = (self.low / step).to_integral_value(ROUND_CEILING)
        prices = [step * (first + number) for number in range(int(self.high / step - first) + 1)]
        return {self.half_row(price) // 2: price for price in prices}


def chart_lines(bars: Sequence[Bar], caption: Caption, *, width: int, height: int) -> list[Text]:
    """Return the chart of bars, at least one, for a terminal of this size."""
    low, high = min(bar.low for bar in bars), max(bar.high for bar in bars)
    scale = _Scale(low, high, max(_FEWEST_ROWS, min(_MOST_ROWS, height - _VOLUME_ROWS - _OTHER_LINES)))
    labels = _labels(scale, bars[-1])
    room = max(width - 2 - max(len(label) for label in labels.values()), 8)
    columns = _joined(bars, room)
    spacing = max(1, min(_WIDEST_SPACING, room // len(columns)))
    most = max(column.volume for column in columns)
    together = -(-len(bars) // len(columns))
    lines = [*_heading(bars, caption, together), *_candles(columns, scale, labels, spacing)]
    if most:
        lines += _volumes(columns, most, spacing)
    return lines + _times(columns, spacing, room)


def _joined(bars: Sequence[Bar], room: int) -> list[Bar]:
    """Return at most so many bars, each of as many neighbours as it takes."""
    together = -(-len(bars) // room)
    groups = [bars[place : place + together] for place in range(0, len(bars), together)]
    return [
        replace(
            group[0],
            high=max(bar.high for bar in group),
            low=min(bar.low for bar in group),
            close=group[-1].close,
            volume=sum((bar.volume for bar in group), Decimal(0)),
        )
        for group in groups
    ]


def _heading(bars: Sequence[Bar], caption: Caption, together: int) -> list[Text]:
    subtitle = caption.subtitle(bars) + (f" · {together} to a column" if together > 1 else "")
    return [Text(caption.headline(), style="bold"), Text(subtitle, style=_DIM), Text(caption.figures(bars)), Text()]


def _labels(scale: _Scale, last: Bar) -> dict[int, str]:
    """Return what stands on the price axis, by rows: round prices, and the last price, which comes first."""
    ticks = scale.ticks()
    decimals = max((-int(price.normalize().as_tuple().exponent) for price in ticks.values()), default=0)
    labels = {row: f"┤ {price:,.{max(decimals, 0)}f}" for row, price in ticks.items()}
    return labels | {scale.half_row(last.close) // 2: f"◄ {last.close:,f}"}


def _candles(columns: Sequence[Bar], scale: _Scale, labels: dict[int, str], spacing: int) -> list[Text]:
    lines = []
    for row in reversed(range(scale.rows)):
        line = Text()
        for bar in columns:
            glyphs = _RISING if bar.close >= bar.open else _FALLING
            halves = (_part(bar, scale, 2 * row + 1), _part(bar, scale, 2 * row))
            line.append(glyphs[halves], style=_style(bar))
            line.append(" " * (spacing - 1))
        label = labels.get(row, "│")
        line.append(label, style="bold" if label.startswith("◄") else _DIM)
        lines.append(line)
    return lines


def _part(bar: Bar, scale: _Scale, half_row: int) -> int:
    """Return what of a candle is on half a row."""
    if not scale.half_row(bar.low) <= half_row <= scale.half_row(bar.high):
        return _NOTHING
    bottom, top = sorted((scale.half_row(bar.open), scale.half_row(bar.close)))
    return _BODY if bottom <= half_row <= top else _WICK


def _volumes(columns: Sequence[Bar], most: Decimal, spacing: int) -> list[Text]:
    lines = []
    for row in reversed(range(_VOLUME_ROWS)):
        line = Text()
        for bar in columns:
            eighths = int(bar.volume / most * 8 * _VOLUME_ROWS + Decimal("0.5")) - 8 * row
            line.append(_EIGHTHS[max(0, min(8, eighths))], style=_style(bar))
            line.append(" " * (spacing - 1))
        line.append(f"┤ {magnitude_text(most)}" if row == _VOLUME_ROWS - 1 else "│", style=_DIM)
        lines.append(line)
    return lines


def _times(columns: Sequence[Bar], spacing: int, room: int) -> list[Text]:
    """Return the line of the time axis, and the one or two lines of its marks."""
    width = len(columns) * spacing
    marks = time_marks(columns, max(1, width // _MARK_ROOM))
    axis, texts, above = ["─"] * width, "", ""
    for mark in marks:
        column = mark.place * spacing
        axis[column] = "┬"
        if len(texts) <= column and column + len(mark.text) <= room:
            texts = texts.ljust(column) + mark.text + " "
        if mark.above and len(above) <= column:
            above = above.ljust(column) + mark.above + " "
    lines = ["".join(axis) + "┘", texts.rstrip(), above.rstrip()]
    return [Text(line, style=_DIM) for line in lines if line]


def _style(bar: Bar) -> str:
    return _UP if bar.close >= bar.open else _DOWN


def _round_step(least: Decimal) -> Decimal:
    """Return the smallest of 1, 2, 5, 10, 20, 50 ... (or 0.1, 0.2 ...) that is not below a number."""
    magnitude = Decimal(1).scaleb(least.adjusted())
    return next(factor * magnitude for factor in (1, 2, 5, 10) if factor * magnitude >= least)
