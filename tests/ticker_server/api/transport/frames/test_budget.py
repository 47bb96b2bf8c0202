"""Token buckets over a time that the test sets."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ticker_server.api.transport.frames.budget import Budget
from ticker_server.api.transport.frames.limits import Allowance


def spent(budget: Budget, allowance: Allowance, now: float, tries: int = 100) -> int:
    """Return how many of so many tries an allowance has left for them."""
    return sum(budget.spend(allowance, now) for _ in range(tries))


def test_burst_is_all_there_is_at_once() -> None:
    """At one moment a peer has its burst, and no more."""
    assert spent(Budget(), Allowance(5, 1), 10.0) == 5


def test_bucket_fills_up_by_time() -> None:
    """Half a second at four a second is worth two more."""
    budget, allowance = Budget(), Allowance(5, 4)
    spent(budget, allowance, 10.0)

    assert spent(budget, allowance, 10.5) == 2


def test_what_is_refused_costs_nothing() -> None:
    """A peer that goes on trying is not held back for longer."""
    budget, allowance = Budget(), Allowance(1, 1)
    spent(budget, allowance, 10.0, tries=50)

    assert not budget.spend(allowance, 10.9)
    assert budget.spend(allowance, 11.0)


def test_bucket_is_never_fuller_than_the_burst() -> None:
    """Who did nothing for an hour has the burst again, and no more."""
    budget, allowance = Budget(), Allowance(5, 4)
    spent(budget, allowance, 10.0)

    assert spent(budget, allowance, 3610.0) == 5


def test_equal_allowances_are_two() -> None:
    """Allowances of the same numbers do not draw on each other, and neither do connections."""
    first, second, budget = Allowance(3, 1), Allowance(3, 1), Budget()

    assert spent(budget, first, 0.0) == 3
    assert spent(budget, second, 0.0) == 3
    assert spent(Budget(), first, 0.0) == 3


def test_burst_of_nothing_refuses_all() -> None:
    """An allowance of nothing never has one left."""
    budget = Budget()

    assert not spent(budget, Allowance(0, 0), 0.0)
    assert not spent(budget, Allowance(0, 100), 100.0)


@given(
    steps=st.lists(st.floats(0, 3), max_size=60),
    burst=st.integers(1, 10),
    per_second=st.floats(0, 10),
)
def test_no_span_has_more_than_burst_and_rate(steps: list[float], burst: int, per_second: float) -> None:
    """From the begin to any moment, a peer has at most its burst and what the rate adds."""
    budget, allowance, now, taken = Budget(), Allowance(burst, per_second), 0.0, 0
    for step in steps:
        now += step
        taken += budget.spend(allowance, now)

        assert taken <= burst + now * per_second + 1e-6
