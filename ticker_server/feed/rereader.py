"""Reads the price log once more for readers that come back from further than memory reaches.

Few readings at a time, each shared by all who want its partition from there on, and all of them together at a pace that
leaves the event loop to the live prices.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import NoReturn, Protocol

import structlog

from ticker_server.errors import PriceLogUnavailable
from ticker_server.feed.log import Batch, PriceLog
from ticker_server.feed.pace import Pace
from ticker_server.model.tick import AcceptedTick

__all__ = ["Rereader", "Wanted"]

READINGS = 16
"""So many readings at a time."""

RECORDS_PER_SECOND = 100_000
"""All readings together; a record takes some 5 us, so this is half of a core."""

_GATHER_SECONDS = 0.01
_PATIENCE_SECONDS = 1.0
_RETRY_SECONDS = 1.0

_log = structlog.get_logger(__name__)


class Wanted(Protocol):
    """What a watch wants of a partition: some stocks, from a position on; see `ticker_server.fanout.rereading`."""

    partition: int
    position: int
    has_room: bool
    closed: bool
    on_change: Callable[[], None]

    @property
    def stock_ids(self) -> Sequence[str]:
        """The stocks that are wanted."""

    def begin(self, position: int) -> None:
        """Learn that nothing comes up to a position."""

    def take(self, ticks: Sequence[AcceptedTick], position: int) -> None:
        """Take the next ticks of these stocks, and through which position was read."""


class _Reading:
    """One reading of one partition, and who takes part in it. `position` is where it is, None before its beginning."""

    def __init__(self, partition: int, wanted: Sequence[Wanted]) -> None:
        self.partition = partition
        self.position: int | None = None
        self.wanted: dict[Wanted, None] = {}
        self.changed = asyncio.Event()
        self.abandoned = asyncio.Event()
        self._by_stock: dict[str, list[Wanted]] = {}
        for each in wanted:
            self.add(each)

    def add(self, wanted: Wanted) -> None:
        """Let somebody take part, whose position has not been passed yet."""
        self.wanted[wanted] = None
        wanted.on_change = self._note_change
        for stock_id in wanted.stock_ids:
            self._by_stock.setdefault(stock_id, []).append(wanted)

    def remove(self, wanted: Wanted) -> None:
        """Let somebody take part no longer."""
        del self.wanted[wanted]
        for stock_id in wanted.stock_ids:
            self._by_stock[stock_id].remove(wanted)

    def hand_out(self, batch: Batch) -> int:
        """Give everyone its ticks; return how many records further the reading is."""
        before, self.position = self.position, batch.positions[self.partition]
        shares: dict[Wanted, list[AcceptedTick]] = {wanted: [] for wanted in self.wanted}
        for tick in batch.ticks:
            for wanted in self._by_stock.get(tick.stock_id, ()):
                shares[wanted].append(tick)
        for wanted, share in shares.items():
            if before is None:
                wanted.begin(self.position)
            elif not wanted.closed:
                wanted.take(share, self.position)
        for wanted in list(self.wanted):
            if wanted.closed:
                self.remove(wanted)
        return 0 if before is None else self.position - before

    def _note_change(self) -> None:
        self.changed.set()
        if all(wanted.closed for wanted in self.wanted):
            self.abandoned.set()

    @property
    def full(self) -> list[Wanted]:
        """Those that have no room for more."""
        return [wanted for wanted in self.wanted if not (wanted.has_room or wanted.closed)]


class Rereader:
    """Fills what is added from a price log, until it is closed.

    A reader that does not take its ticks holds up the others of its reading for a second; then it has to wait for the
    next one. Where the log does not answer, it is tried again until it does.
    """

    def __init__(
        self,
        log: PriceLog,
        *,
        records_per_second: float = RECORDS_PER_SECOND,
        patience_seconds: float = _PATIENCE_SECONDS,
    ) -> None:
        self._log = log
        self._pace = Pace(records_per_second)
        self._patience_seconds = patience_seconds
        self._waiting: dict[Wanted, None] = {}
        self._readings: set[_Reading] = set()
        self._news = asyncio.Event()

    @property
    def readings(self) -> int:
        """How many readings there are at this moment."""
        return len(self._readings)

    def add(self, wanted: Wanted) -> None:
        """Fill this from now on; never waits, and calls nothing of it at once."""
        for reading in self._readings:
            is_ahead = reading.position is None or reading.position > wanted.position
            if reading.partition == wanted.partition and not (is_ahead or reading.abandoned.is_set()):
                reading.add(wanted)
                return
        self._waiting[wanted] = None
        self._news.set()

    async def run(self) -> NoReturn:
        """Read until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                await self._news.wait()
                await asyncio.sleep(_GATHER_SECONDS)  # those that come back together read together
                self._news.clear()
                while self._waiting and len(self._readings) < READINGS:
                    reading = self._next_reading()
                    self._readings.add(reading)
                    tasks.create_task(self._read_to_end(reading))

    def _next_reading(self) -> _Reading:
        partition = next(iter(self._waiting)).partition
        taking = [wanted for wanted in self._waiting if wanted.partition == partition]
        for wanted in taking:
            del self._waiting[wanted]
        return _Reading(partition, [wanted for wanted in taking if not wanted.closed])

    async def _read_to_end(self, reading: _Reading) -> None:
        """Read until nobody wants any more, which the end of the log would not tell."""
        works = [asyncio.ensure_future(each) for each in (self._read_on(reading), reading.abandoned.wait())]
        try:
            await asyncio.wait(works, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for work in works:
                work.cancel()
            await asyncio.wait(works)
            self._readings.discard(reading)
            self._waiting |= {wanted: None for wanted in reading.wanted if not wanted.closed}
            self._news.set()
        if not works[0].cancelled():
            works[0].result()

    async def _read_on(self, reading: _Reading) -> None:
        told = False
        while reading.wanted:
            try:
                await self._read(reading)
            except PriceLogUnavailable as error:
                if not told:
                    told = True
                    _log.warning("replay waits for the price log", partition=reading.partition, error=str(error))
                await asyncio.sleep(_RETRY_SECONDS)

    async def _read(self, reading: _Reading) -> None:
        """Read from the lowest position that is wanted, as far as the log lets it go on."""
        reading.position = None
        start = min(wanted.position for wanted in reading.wanted)
        async with contextlib.aclosing(self._log.replay(reading.partition, start)) as batches:
            async for batch in batches:
                await self._pace.spend(reading.hand_out(batch))
                await self._wait_for_room(reading)
                if not reading.wanted:
                    return

    async def _wait_for_room(self, reading: _Reading) -> None:
        """Wait until all can take more; those that cannot for a while are left behind, unless they hold up nobody."""
        deadline = asyncio.get_running_loop().time() + self._patience_seconds
        while full := reading.full:
            others = len(full) < len(reading.wanted) or self._waiting
            reading.changed.clear()
            try:
                async with asyncio.timeout_at(deadline if others else None):
                    await reading.changed.wait()
            except TimeoutError:
                for wanted in full:
                    reading.remove(wanted)
                    self._set_aside(wanted)
        for wanted in list(reading.wanted):
            if wanted.closed:
                reading.remove(wanted)

    def _set_aside(self, wanted: Wanted) -> None:
        """Add somebody again once there is room."""

        def look() -> None:
            if wanted.has_room and not wanted.closed:
                wanted.on_change = _ignore
                self.add(wanted)

        wanted.on_change = look


def _ignore() -> None:
    """Do nothing until the next reading."""
