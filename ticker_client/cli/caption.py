"""What a chart says in words: which stock, which bars, which span, and what became of the price."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from ticker_client.bars import Bar, BarInterval
from ticker_client.cli.magnitudes import magnitude_text

__all__ = ["Caption"]

_LENGTHS = {
    BarInterval.ONE_MINUTE: "1-minute bars",
    BarInterval.FIVE_MINUTES: "5-minute bars",
    BarInterval.FIFTEEN_MINUTES: "15-minute bars",
    BarInterval.ONE_HOUR: "1-hour bars",
    BarInterval.ONE_DAY: "1-day bars",
}


@dataclass(frozen=True, slots=True)
class Caption:
    """The words of a chart of one stock."""

    stock_id: str
    name: str
    """A name for people, which may be the stock id again."""
    currency: str
    """Of the prices, ISO 4217."""
    interval: BarInterval
    time_zone: str
    """The IANA name of the zone of all times."""

    def headline(self) -> str:
        """Return which stock it is."""
        return self.stock_id if self.name == self.stock_id else f"{self.stock_id}  {self.name}"

    def subtitle(self, bars: Sequence[Bar]) -> str:
        """Return what the bars are: their length, span, time zone and currency."""
        span = _span(bars[0].start_time, bars[-1].start_time, in_days=self.interval is BarInterval.ONE_DAY)
        return f"{_LENGTHS[self.interval]} · {span} · {self.time_zone} · {self.currency}"

    def summary(self, bars: Sequence[Bar]) -> str:
        """Return the last price, and how far it is from the first one of the span."""
        first, last = bars[0].open, bars[-1].close
        change = f"{last - first:+,f} ({(last - first) / first:+.2%})" if first else f"{last - first:+,f}"
        return f"last {last:,f}   {change}"

    def figures(self, bars: Sequence[Bar]) -> str:
        """Return the summary with the highest and the lowest price and the volume of the span."""
        high, low = max(bar.high for bar in bars), min(bar.low for bar in bars)
        volume = sum((bar.volume for bar in bars), Decimal(0))
        return f"{self.summary(bars)}   high {high:,f}   low {low:,f}   volume {magnitude_text(volume)}"


def _span(first: datetime, last: datetime, *, in_days: bool) -> str:
    """Return from when to when bars begin, without what is said twice."""
    if in_days:
        return f"{first.date()} to {last.date()}" if first.date() != last.date() else f"{first.date()}"
    if first == last:
        return f"{first:%Y-%m-%d %H:%M}"
    end = f"{last:%H:%M}" if first.date() == last.date() else f"{last:%Y-%m-%d %H:%M}"
    return f"{first:%Y-%m-%d %H:%M} to {end}"
