"""The simulated market of the demo."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from itertools import islice, pairwise
from statistics import correlation

from hypothesis import given, settings
from hypothesis import strategies as st

from ticker_server.demo.market import STOCKS, Market, MarketTick
from ticker_server.model.stock import STOCK_ID
from ticker_server.model.tick import is_price, is_size

SECOND = 1_000_000_000
LONG = 200_000


def first(seed: int, count: int) -> list[MarketTick]:
    """Return the first ticks of a market."""
    return list(islice(Market(seed).ticks(), count))


def test_stocks_are_ten_known_ones() -> None:
    """The market has ten stocks with valid ids, names and prices in cents."""
    assert " ".join(stock.stock_id for stock in STOCKS) == "AAPL MSFT GOOG AMZN NVDA META TSLA JPM IBM BRK.B"
    assert all(STOCK_ID.fullmatch(stock.stock_id) for stock in STOCKS)
    assert all(is_price(stock.price) and 1 <= len(stock.name) <= 100 for stock in STOCKS)


@given(st.integers(0, 2**64))
@settings(max_examples=20)
def test_ticks_are_valid(seed: int) -> None:
    """Whatever the seed, ticks are of the market's stocks, with a price in cents, a size above zero and a wait."""
    known = {stock.stock_id for stock in STOCKS}
    for market_tick in first(seed, 300):
        tick = market_tick.tick
        assert tick.stock_id in known
        assert is_price(tick.price)
        assert len(tick.price.partition(".")[2]) == 2
        assert is_size(tick.size)
        assert int(tick.size) > 0
        assert market_tick.after_ns >= 0


@given(st.integers(0, 2**64))
@settings(max_examples=20)
def test_same_seed_is_the_same_market(seed: int) -> None:
    """Two markets of one seed tell the same ticks, and so does one market that is asked twice at once."""
    market = Market(seed)
    one, other = market.ticks(), market.ticks()
    interleaved = [(next(one), next(other)) for _ in range(100)]
    assert interleaved == [(tick, tick) for tick in first(seed, 100)]


@given(st.integers(0, 2**64), st.integers(0, 2**64))
@settings(max_examples=20)
def test_other_seed_is_another_market(seed: int, other: int) -> None:
    """Two seeds tell different ticks."""
    assert (first(seed, 50) == first(other, 50)) == (seed == other)


def test_seed_one_starts_the_same_everywhere() -> None:
    """The market of seed 1 begins with the ticks that it has always begun with."""
    assert [(tick.tick.stock_id, tick.tick.price, tick.tick.size) for tick in first(1, 4)] == [
        ("TSLA", "431.56", "200"),
        ("NVDA", "188.35", "200"),
        ("TSLA", "431.55", "90"),
        ("META", "648.78", "100"),
    ]


def test_prices_stay_plausible_for_hours() -> None:
    """For nearly three hours prices move, but in small steps, and stay within a quarter of their start."""
    start = {stock.stock_id: Decimal(stock.price) for stock in STOCKS}
    last, moved = dict(start), Counter[str]()
    for market_tick in islice(Market(1).ticks(), LONG):
        stock_id, price = market_tick.tick.stock_id, Decimal(market_tick.tick.price)
        assert start[stock_id] * 3 / 4 <= price <= start[stock_id] * 5 / 4
        assert abs(price - last[stock_id]) <= last[stock_id] / 50
        moved[stock_id] += price != last[stock_id]
        last[stock_id] = price
    assert all(moved[stock_id] > 1_000 for stock_id in start)


def test_activity_differs_by_stock() -> None:
    """The market ticks about 20 times a second; its busiest stock several times, its quietest every few seconds."""
    ticks = first(7, 20_000)
    seconds = sum(tick.after_ns for tick in ticks) / SECOND
    rates = {stock_id: count / seconds for stock_id, count in Counter(tick.tick.stock_id for tick in ticks).items()}
    assert 15 < sum(rates.values()) < 25
    assert max(rates.values()) > 3
    assert 0.1 < min(rates.values()) < 0.5


def test_sizes_are_lots_with_an_odd_lot_now_and_then() -> None:
    """Most sizes are lots of a hundred; some are odd lots."""
    odd = sum(int(tick.tick.size) % 100 != 0 for tick in first(3, 4_000))
    assert 200 < odd < 1_000


def test_busy_times_cluster() -> None:
    """Large moves of a stock come near other large moves: the sizes of moves five ticks apart go together."""
    prices = [Decimal(tick.tick.price) for tick in first(5, 60_000) if tick.tick.stock_id == "AAPL"]
    moves = [int(abs(after - before) * 100) for before, after in pairwise(prices)]
    assert correlation(moves[:-5], moves[5:]) > 0.1
