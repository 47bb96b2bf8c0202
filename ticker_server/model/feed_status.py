"""How a gateway's reading of the price log stands; heartbeats tell it to every watch."""

from __future__ import annotations

import enum
from dataclasses import dataclass

__all__ = ["FeedState", "FeedStatus"]


class FeedState(enum.IntEnum):
    """LIVE; STALE: more than 2 s behind the end of the log; DOWN: the log has not answered for 3 s."""

    LIVE = 1
    STALE = 2
    DOWN = 3


@dataclass(frozen=True, slots=True)
class FeedStatus:
    """`since` is when the state began; every tick accepted before `read_through` was read (ns since the epoch)."""

    state: FeedState
    since: int
    read_through: int
