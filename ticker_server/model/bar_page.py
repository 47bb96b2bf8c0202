"""A page of stored bars, and how far the log is stored in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ticker_server.model.bar import Bar

__all__ = ["BarPage"]


@dataclass(frozen=True, slots=True)
class BarPage:
    """Bars of one minute of one stock, in order of their start, all as of one moment.

    `epoch` is the newest log epoch that is stored, and `ordinal` its number as bars and marks have it; empty and 0 if
    nothing was ever stored. `synced_through` is the highest sequence among the stock's *own* ticks of that epoch that
    are stored, 0 if there are none: all of them up to it are in the stock's bars, and none above. It is never the
    position of the partition, which may be higher: a reader goes on after it as after a tick that it has seen, and a
    watch refuses to go on after a sequence that the stock does not have yet.
    """

    bars: Sequence[Bar]
    epoch: str
    synced_through: int
    ordinal: int
