"""A simulated market: ten known stocks whose invented prices move for ever, the same way for the same seed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import accumulate
from math import isqrt
from random import Random

from ticker_server.model.tick import Tick

__all__ = ["STOCKS", "Market", "MarketStock", "MarketTick"]

_SECOND = 1_000_000_000
_MILLION = 1_000_000

# Prices walk in millionths of a dollar, so that steps below a cent add up; ticks show cents.
_DOLLAR = 1_000_000
_CENT = _DOLLAR // 100

_MINUTE_VOLATILITY = 1_500  # millionths of the price: the standard deviation of a minute's move
_REVERSION = 4_096  # each tick takes this part of the way back to the start price
_FARTHEST = 3  # the walk stays within this factor of the start price, whatever happens

# Heat multiplies the volatility, in thousandths. A large move heats, and heat decays: calm and busy times cluster.
_NORMAL_HEAT = 1_000
_HEAT_RANGE = (300, 3_000)
_HEAT_DECAY = 40
_HEAT_GAIN = 3


@dataclass(frozen=True, slots=True)
class MarketStock:
    """A stock of the market, its start price in USD, and how often it ticks."""

    stock_id: str
    name: str
    price: str
    ticks_per_minute: int


STOCKS = (
    MarketStock("AAPL", "Apple Inc.", "271.40", 230),
    MarketStock("MSFT", "Microsoft Corporation", "512.25", 130),
    MarketStock("GOOG", "Alphabet Inc. Class C", "284.10", 50),
    MarketStock("AMZN", "Amazon.com, Inc.", "232.80", 150),
    MarketStock("NVDA", "NVIDIA Corporation", "188.35", 300),
    MarketStock("META", "Meta Platforms, Inc.", "648.90", 70),
    MarketStock("TSLA", "Tesla, Inc.", "431.60", 250),
    MarketStock("JPM", "JPMorgan Chase & Co.", "309.75", 25),
    MarketStock("IBM", "International Business Machines Corporation", "305.20", 18),
    MarketStock("BRK.B", "Berkshire Hathaway Inc. Class B", "497.55", 12),
)
"""Ten known stocks with plausible prices; together they tick about 20 times a second."""

_TICKS_PER_MINUTE = tuple(accumulate(stock.ticks_per_minute for stock in STOCKS))
_MEAN_WAIT = 60 * _SECOND // _TICKS_PER_MINUTE[-1]


@dataclass(frozen=True, slots=True)
class MarketTick:
    """A tick and the nanoseconds to wait before it, counted from the one before."""

    after_ns: int
    tick: Tick


class Market:
    """A market of `STOCKS`; two markets of one seed tell the same ticks."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def ticks(self) -> Iterator[MarketTick]:
        """Yield ticks without end, from the start prices on; each call begins anew."""
        chance = Random(self._seed)  # noqa: S311 - a simulation must be repeatable, not secret
        walks = [_Walk(stock) for stock in STOCKS]
        while True:
            after_ns = round(chance.expovariate(1.0) * _MEAN_WAIT)
            [walk] = chance.choices(walks, cum_weights=_TICKS_PER_MINUTE)
            price = walk.step(_bell(chance))
            yield MarketTick(after_ns, Tick(walk.stock.stock_id, price, _size(chance)))


@dataclass(slots=True)
class _Walk:
    """The price of one stock on its way, in integers only."""

    stock: MarketStock
    start: int = field(init=False)
    price: int = field(init=False)
    volatility: int = field(init=False)
    heat: int = _NORMAL_HEAT

    def __post_init__(self) -> None:
        self.start = self.price = int(Decimal(self.stock.price) * _DOLLAR)
        self.volatility = _MINUTE_VOLATILITY // isqrt(self.stock.ticks_per_minute)

    def step(self, move: int) -> str:
        """Move on by quarters of a standard deviation and return the new price in dollars and cents."""
        change = self.price * self.volatility * self.heat * move // (4 * _MILLION * _NORMAL_HEAT)
        back = (self.start - self.price) // _REVERSION
        self.price = _clamp(self.price + change + back, self.start // _FARTHEST, self.start * _FARTHEST)
        cooling = (_NORMAL_HEAT - self.heat) // _HEAT_DECAY
        self.heat = _clamp(self.heat + cooling + _HEAT_GAIN * (move * move - 16), *_HEAT_RANGE)
        dollars, cents = divmod((self.price + _CENT // 2) // _CENT, 100)
        return f"{dollars}.{cents:02}"


def _bell(chance: Random) -> int:
    """Return an integer from a bell curve around 0 with a standard deviation of 4, never beyond 32."""
    return chance.getrandbits(64).bit_count() - 32


def _size(chance: Random) -> str:
    """Return a number of shares: mostly a few lots of a hundred, one time in eight an odd lot."""
    if chance.randrange(8) == 0:
        return str(chance.randrange(1, 100))
    return str(100 * min(chance.randrange(1, 13), chance.randrange(1, 13)))


def _clamp(value: int, lowest: int, highest: int) -> int:
    return max(lowest, min(value, highest))
