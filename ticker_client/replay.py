"""The past that a watch asks for, and how far its streams have come in it. Pure: no I/O, no clock.

An instant is an integer, nanoseconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from ticker.v1 import tick_pb2
from ticker.v1 import watch_service_pb2 as wire

from ticker_client.errors import InvalidArgument
from ticker_client.instants import nanoseconds_of, timestamp_of

__all__ = ["Replay", "ask_for_past"]

ALL_STOCKS = "*"


def ask_for_past(
    request: wire.WatchStocksRequest, start_time: datetime | int | None, end_time: datetime | int | None
) -> None:
    """Ask for the ticks from an accept time on, and to an end if there is one.

    Raises:
        InvalidArgument: the request is not one that can be replayed, or the times are in the wrong order.
        ValueError: a time is a datetime without a zone.
    """
    start = nanoseconds_of(start_time) if isinstance(start_time, datetime) else start_time
    end = nanoseconds_of(end_time) if isinstance(end_time, datetime) else end_time
    if start is None:
        if end is not None:
            raise InvalidArgument("INVALID_WATCH", "an end_time needs a start_time")
        return
    if not request.stock_ids:
        raise InvalidArgument("INVALID_WATCH", 'a start_time needs stock ids, or "*" for all stocks')
    if not request.every_tick:
        raise InvalidArgument("INVALID_WATCH", "a start_time needs every_tick")
    if end is not None and end <= start:
        raise InvalidArgument("INVALID_WATCH", "end_time must be after start_time")
    request.start_time.CopyFrom(timestamp_of(start))
    if end is not None:
        request.end_time.CopyFrom(timestamp_of(end))


class Replay:
    """A watch that began in the past, and from where its next stream has to go on.

    By positions wherever they say all of it: each stock that is watched has one. Otherwise by an accept time, the
    first one before which everything was delivered for certain; what comes twice then is dropped by its sequence.
    With an end it is always an accept time, because the wire has no end without a start.

    A watch of all stocks that took over positions keeps to them. To the server the other stocks are then newly created,
    and it replays all that they have; what is from before the start of the replay is left out here.

    Args:
        request: what the program asked for.
        placed: the stocks of which it brought a position.
    """

    def __init__(self, request: wire.WatchStocksRequest, placed: Collection[str] = ()) -> None:
        self._start = self._through = nanoseconds_of(request.start_time)
        self._end = nanoseconds_of(request.end_time) if request.HasField("end_time") else None
        self._stock_ids = frozenset(request.stock_ids)
        self._placed = frozenset(placed)
        self._keeps_positions = bool(placed) and ALL_STOCKS in self._stock_ids
        self._reached: dict[str, int] = {}
        """By stock: the accept time of the newest tick that was delivered, where that may be needed."""

    def covers(self, update: tick_pb2.StockUpdate) -> bool:
        """Tell whether a tick of the past is part of what was asked for."""
        if not self._keeps_positions or update.stock_id in self._placed:
            return True
        return nanoseconds_of(update.accept_time) >= self._start

    def take(self, update: tick_pb2.StockUpdate) -> None:
        """Note that a tick was delivered, and so all of its stock that were accepted before it."""
        if self._end is not None:
            self._reached[update.stock_id] = nanoseconds_of(update.accept_time)

    def take_through(self, instant: int) -> None:
        """Note that all ticks that were accepted before an instant were delivered."""
        self._through = max(self._through, instant)

    def resumes(self, placed: Collection[str], followed: Collection[str], refused: Collection[str]) -> bool:
        """Tell whether positions say all of it.

        Args:
            placed: the stocks that have a position.
            followed: the stocks of which it is known that they are watched; for all stocks it must be all of them.
            refused: the stocks of which it is known that they are not.
        """
        if self._end is not None:
            return False
        if ALL_STOCKS in self._stock_ids:
            return self._keeps_positions or (bool(followed) and set(followed) <= set(placed))
        return self._stock_ids - set(refused) <= set(placed)

    def start(self) -> int:
        """Return the accept time from which to go on; before the end, so that the server can say that it is reached."""
        start = self._through
        if self._reached.keys() >= self._stock_ids:
            # Accept times of a stock never go back.
            start = max(start, min(self._reached.values()))
        return start if self._end is None else min(start, self._end - 1)
