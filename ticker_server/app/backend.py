"""What a gateway stands on: where prices and the catalog are. One kind per profile, the same parts above."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from ticker_server.api.bars import BarSource
from ticker_server.catalog import Database
from ticker_server.feed.changes import ChangeLog
from ticker_server.feed.log import PriceLog
from ticker_server.model.tick import AcceptedTick

__all__ = ["Backend"]


@dataclass(frozen=True, slots=True)
class Backend:
    """The price log, the database of the catalog, and the way of changes between gateways.

    `must_load`: a gateway without its catalog is of no use (embedded: the file is there or it is not); otherwise it
    starts without, and loads it once the database is back. `prepare` makes sure that the database can be read.
    `recent` are the last ticks before the start, without a hole, as far as they can be had. `bars` are those that are
    stored; without them ListBars is not served.
    """

    log: PriceLog
    database: Database
    changes: ChangeLog
    must_load: bool
    prepare: Callable[[], Awaitable[None]]
    recent: Sequence[AcceptedTick] = ()
    bars: BarSource | None = None
