"""G7, isolated: a slow, dead or hostile client at most doubles the p99 of another."""

from __future__ import annotations

import statistics
from collections.abc import Mapping

from tests.support.history import History
from ticker_client import Update, UpdateKind

Sent = Mapping[tuple[str, str], float]
"""By stock and price, when a tick was sent (seconds of the monotonic clock)."""
Span = tuple[float, float]

FACTOR = 2.0
LEAST_SECONDS = 1.0
"""What other work of the machine costs now and then is no fault of ours; a reader that holds others up costs seconds."""
LEAST_COUNT = 50


def slowed(history: History, sent: Sent, before: Span, beside: Span) -> list[str]:
    """The p99 from publisher to reader while others are slow is at most double that of before."""
    base, harmed = (p99(history, sent, span) for span in (before, beside))
    if base is None or harmed is None:
        return [f"too few prices to compare: {base} and {harmed}"]
    return (
        [f"p99 was {base:.3f} s, and {harmed:.3f} s beside others"]
        if harmed > max(FACTOR * base, LEAST_SECONDS)
        else []
    )


def p99(history: History, sent: Sent, span: Span) -> float | None:
    """Return how long at most 99 of 100 live prices took that were sent in a span; None if they are too few."""
    start, end = span
    took = [
        seen.at - at
        for seen in history
        if isinstance(update := seen.event, Update)
        and update.kind is UpdateKind.LIVE
        and start <= (at := sent.get((update.stock_id, update.price_text), -1.0)) < end
    ]
    return None if len(took) < LEAST_COUNT else statistics.quantiles(took, n=100)[98]
