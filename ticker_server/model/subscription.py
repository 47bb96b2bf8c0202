"""A subscription: the stored wish of a user to follow a stock, how often, and in which hours."""

from __future__ import annotations

from dataclasses import dataclass

from ticker_server.model.schedule import Schedule

__all__ = ["DEFAULT_FREQUENCY", "EVERY_TICK", "MAX_FREQUENCY", "MIN_FREQUENCY", "Subscription", "Wish"]

EVERY_TICK = 0
"""The cadence that is no frequency: every tick is delivered."""

DEFAULT_FREQUENCY = 5_000_000_000
MIN_FREQUENCY = 100_000_000
MAX_FREQUENCY = 24 * 3600 * 1_000_000_000


@dataclass(frozen=True, slots=True)
class Wish:
    """What AddStock asks for, with all defaults filled in.

    `cadence` is a frequency in nanoseconds (100 ms to 24 h), or EVERY_TICK.
    """

    user_id: str
    stock_id: str
    cadence: int
    schedule: Schedule


@dataclass(frozen=True, slots=True)
class Subscription:
    """A stored wish. `revision` grows with each change of any subscription; times are nanoseconds since the epoch."""

    user_id: str
    stock_id: str
    cadence: int
    schedule: Schedule
    revision: int
    create_time: int
    update_time: int
