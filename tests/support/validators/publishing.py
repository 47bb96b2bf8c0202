"""G6, durable accept: what was answered ACCEPTED is in the log once, and what was sent again after UNKNOWN, too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tests.support.oracle import Truth
from tests.support.validators.delivery import in_log
from ticker_client import PublishOutcome

CERTAIN = {PublishOutcome.ACCEPTED, PublishOutcome.DUPLICATE}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a publisher was told of one tick, one of possibly several times that it sent it."""

    at: float
    """When the answer came (seconds of the monotonic clock)."""
    stock_id: str
    price: str
    """No two ticks of a stock have the same."""
    outcome: PublishOutcome
    sequence: int = 0
    """The place in the log that was answered; 0 = none was."""


def undurable(answers: Sequence[Answer], truth: Truth) -> list[str]:
    """What was ACCEPTED is in the log exactly once, what stayed UNKNOWN at most once, and no tick twice.

    A repeat that was answered ACCEPTED stands after the tick itself: it is the record that readers drop.
    """
    wrong: list[str] = []
    places = in_log({(answer.stock_id, answer.price) for answer in answers}, truth)
    certain = {(answer.stock_id, answer.price) for answer in answers if answer.outcome in CERTAIN}
    for (stock_id, price), found in places.items():
        least = int((stock_id, price) in certain)
        if not least <= len(found) <= 1:
            wrong.append(f"{stock_id} {price} is in the log {len(found)} times")
    for answer in answers:
        found = places[answer.stock_id, answer.price]
        if answer.sequence and found and answer.sequence < found[0][0]:
            wrong.append(f"{answer} is in the log at {found[0][0]}")
    return wrong


def unsent(answers: Sequence[Answer], truth: Truth) -> list[str]:
    """Each tick of the log was sent by one of the publishers."""
    sent = {(answer.stock_id, answer.price) for answer in answers}
    return [
        f"nobody sent {tick}" for ticks in truth.values() for tick in ticks if (tick.stock_id, tick.price) not in sent
    ]
