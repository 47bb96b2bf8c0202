"""What all watches of a gateway share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ticker_server.clock import Clock
from ticker_server.fanout.hub import Hub
from ticker_server.fanout.lifetimes import Lifetimes
from ticker_server.fanout.rereading import Reread
from ticker_server.fanout.scheduler import Scheduler
from ticker_server.model.feed_status import FeedStatus

__all__ = ["Station"]


@dataclass(frozen=True, slots=True)
class Station:
    """Where ticks come from, when things are due, what the feed is like, how many ticks may wait for a reader.

    `reread` has somebody read in the log what the hub does not have any more. `lifetimes` tells how long streams last.
    """

    hub: Hub
    scheduler: Scheduler
    clock: Clock
    feed_status: Callable[[], FeedStatus]
    pending_limit: int
    reread: Reread
    lifetimes: Lifetimes = field(default_factory=Lifetimes)
