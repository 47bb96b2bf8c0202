"""What stands between a price log and a watch, in process: hub, feed, rereader and the servicer of watches."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from ticker.v1 import watch_service_pb2

from tests.support.recording_sink import RecordingSink
from ticker_server.api.caller import Caller
from ticker_server.api.watches import WatchServicer, WatchSources
from ticker_server.clock import SystemClock
from ticker_server.fanout.hub import Hub
from ticker_server.fanout.registry import WatchRegistry
from ticker_server.fanout.scheduler import Scheduler
from ticker_server.fanout.station import Station
from ticker_server.feed.log import PriceLog
from ticker_server.feed.reader import FeedReader
from ticker_server.feed.rereader import Rereader
from ticker_server.model.stock import Stock
from ticker_server.model.subscription import Subscription

WAIT_SECONDS = 30.0


class Reader:
    """One open watch: its sink, and whether it has caught up."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()
        self.sink = RecordingSink(lambda _message: self._changed.set())
        self.watch: object = None

    async def until_caught_up(self) -> None:
        """Wait for `caught_up`."""
        async with asyncio.timeout(WAIT_SECONDS):
            while not any(message.HasField("caught_up") for message in self.sink.messages):
                self._changed.clear()
                await self._changed.wait()

    async def until_ended(self) -> None:
        """Wait for `go_away`."""
        async with asyncio.timeout(WAIT_SECONDS):
            while not any(message.HasField("go_away") for message in self.sink.messages):
                self._changed.clear()
                await self._changed.wait()


class ResumeRig:
    """A gateway's way of a tick over a real price log, without catalog and transport; its hub keeps few ticks."""

    def __init__(self, log: PriceLog, stock_ids: Sequence[str], *, kept: int) -> None:
        clock = SystemClock()
        self.log = log
        self.hub = Hub(log.epoch, kept=kept)
        self.registry = WatchRegistry(self.hub)
        self.scheduler = Scheduler(clock)
        self.subscriptions: dict[str, Sequence[Subscription]] = {}
        snapshot = log.snapshot()
        self.hub.recent.begin(log.partitions, snapshot.positions)
        self.hub.publish([numbering.newest for numbering in snapshot.numberings])
        for stock_id in stock_ids:
            self.hub.list_stock(Stock(stock_id, stock_id, "USD", 0))
        self.feed = FeedReader(log, self.hub.publish, clock)
        self.rereader = Rereader(log)
        station = Station(self.hub, self.scheduler, clock, self.feed.status, 100_000, self.rereader.add)
        sources = WatchSources(
            subscriptions_of=self._subscriptions_of,
            find_stock=self._find_stock,
            check_stocks_known=lambda: None,
            stock_revision=lambda _stock_id: 0,
            log_epoch=log.epoch,
            positions_since=log.positions_since,
            oldest_replay_time=log.oldest_replay_time,
            server_version="1",
            max_stocks=1000,
        )
        self._servicer = WatchServicer(station, self.registry, sources)

    async def open(self, **request: object) -> Reader:
        """Open a watch."""
        reader = Reader()
        message = watch_service_pb2.WatchStocksRequest(**request)  # type: ignore[arg-type]
        reader.watch = await self._servicer.watch_stocks(message, Caller(), reader.sink)
        return reader

    def close_all(self) -> None:
        """Close every watch."""
        for watch in self.registry:
            watch.close()

    async def until_read(self, positions: dict[int, int]) -> None:
        """Wait until the hub has all up to positions."""
        async with asyncio.timeout(WAIT_SECONDS):
            while any(self.feed.positions.get(partition, 0) < end for partition, end in positions.items()):  # noqa: ASYNC110 - the feed has no event of it
                await asyncio.sleep(0.002)

    async def _subscriptions_of(self, user_id: str) -> Sequence[Subscription]:
        return self.subscriptions[user_id]

    async def _find_stock(self, stock_id: str) -> Stock | None:
        return self.hub.quote(stock_id).stock


@asynccontextmanager
async def resume_rig(log: PriceLog, stock_ids: Sequence[str], *, kept: int) -> AsyncIterator[ResumeRig]:
    """Run one until the end of the block."""
    rig = ResumeRig(log, stock_ids, kept=kept)
    tasks = [asyncio.ensure_future(rig.feed.run()), asyncio.ensure_future(rig.rereader.run())]
    try:
        yield rig
    finally:
        rig.close_all()
        rig.scheduler.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
