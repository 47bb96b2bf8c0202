"""A gateway: what it is made of, in the order of the way of a tick."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Coroutine, Sequence
from typing import Any

import structlog

from ticker_server.api.prices import PriceServicer
from ticker_server.api.stocks import StockServicer
from ticker_server.api.subscriptions import SubscriptionServicer
from ticker_server.api.transport.endpoint import Server
from ticker_server.api.transport.services import Services
from ticker_server.api.users import UserServicer
from ticker_server.api.watches import WatchServicer, WatchSources
from ticker_server.app.backend import Backend
from ticker_server.app.door import open_door
from ticker_server.app.embedded import open_embedded
from ticker_server.app.parts import Parts
from ticker_server.catalog import Catalog, OutboxRelay, Purge, StockDirectory, StockFinder
from ticker_server.clock import Clock, SystemClock
from ticker_server.errors import DatabaseUnavailable
from ticker_server.fanout.hub import Hub
from ticker_server.fanout.lifetimes import Lifetimes
from ticker_server.fanout.registry import WatchRegistry
from ticker_server.fanout.scheduler import Scheduler
from ticker_server.fanout.station import Station
from ticker_server.feed.log import PriceLog
from ticker_server.feed.monitor import FeedMonitor
from ticker_server.feed.reader import FeedReader
from ticker_server.feed.rereader import Rereader
from ticker_server.model.change import Change
from ticker_server.model.feed_status import FeedState
from ticker_server.model.stock import Stock
from ticker_server.settings import Settings
from ticker_server.version import VERSION

__all__ = ["Gateway"]

_RECONNECT_SPREAD = 10_000_000_000
"""After a drain, readers are told to come back at a random moment of this span (nanoseconds)."""

_CATCH_UP_SECONDS = 10.0
"""So long a start waits for the changes and the prices that came since what was stored; then it serves all the same."""

_log = structlog.get_logger(__name__)


class Gateway:
    """A process that serves gRPC. `start`, then `stop`; not to be started again.

    The order of starting is that of the way of a tick: price log, catalog, hub, feed, door. Stopping goes the other
    way, so nothing is ever handed to a part that is gone.
    """

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        self.port = 0
        self._settings = settings
        self._clock = clock or SystemClock()
        self._parts = Parts()
        self._hub = Hub()
        self._registry = WatchRegistry(self._hub)
        self._directory = StockDirectory()
        self._knows_stocks = False
        self._backend: Backend | None = None
        self._catalog: Catalog | None = None
        self._finder: StockFinder | None = None
        self._server: Server | None = None

    @property
    def catalog(self) -> Catalog:
        """The stocks, users and subscriptions, once started."""
        assert self._catalog is not None
        return self._catalog

    @property
    def price_log(self) -> PriceLog:
        """Where ticks are published, once started."""
        assert self._backend is not None
        return self._backend.log

    @property
    def target(self) -> str:
        """The address that clients connect to, `host:port`."""
        host = self._settings.host
        return f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"

    async def start(self) -> None:
        """Start all parts and serve.

        Raises:
            DataDirectoryUnusable, DatabaseUnusable: The data directory or the database cannot be used.
            PriceLogUnusable, TopicsUnusable: The price log cannot be opened.
            AddressUnusable: The address is taken or cannot be bound.
        """
        try:
            await self._start()
        except BaseException:
            await self._parts.aclose()
            raise

    async def failed(self) -> None:
        """Wait until a part that should run for ever ends, and raise what ended it. Never returns otherwise.

        Raises:
            StartAnew: A gateway that is started now will do better than this one.
        """
        await self._parts.failed()

    async def stop(self) -> None:
        """Drain: tell each watch to go away, wait for the streams to end, then stop all parts."""
        if self._server is not None:
            await self._server.set_serving(serving=False)
        self._registry.drain(lambda: random.randrange(_RECONNECT_SPREAD))  # noqa: S311 - spreads load, hides nothing
        await self._parts.aclose()
        _log.info("stopped")

    async def _start(self) -> None:
        settings, clock, parts = self._settings, self._clock, self._parts
        if settings.is_production:
            # Imported here: the clients of Kafka take a while, and the embedded profile does without.
            from ticker_server.app.production import open_production  # noqa: PLC0415

            backend = await open_production(settings, clock, parts)
        else:
            backend = await open_embedded(settings.data_dir, clock, parts)
        self._backend = backend
        self._hub.epoch = backend.log.epoch
        relay = OutboxRelay(backend.database, backend.changes.publish)
        purge = Purge(backend.database)
        catalog = self._catalog = self._make_catalog(backend, relay, purge)
        self._finder = StockFinder(self._directory, catalog.get_stock, clock)
        await self._load(backend)
        scheduler = Scheduler(clock)
        parts.callback(scheduler.close)
        feed = FeedReader(backend.log, self._hub.publish, clock)
        rereader = Rereader(backend.log)
        lifetimes = Lifetimes(round(settings.stream_age * 1e9), random.random)
        limit = settings.max_pending_ticks
        station = Station(self._hub, scheduler, clock, feed.status, limit, rereader.add, lifetimes)
        changes = parts.run("changes", backend.changes.run(self._apply, self._reload))
        parts.run("outbox relay", relay.run())
        parts.run("purge", purge.run())
        reading = parts.run("feed", feed.run())
        parts.run("rereader", rereader.run())
        parts.run("feed monitor", FeedMonitor(feed.status, self._registry.note_feed).run())
        await _in_time(feed.caught_up(), unless=reading)
        # They start with a reload, which a database that is away does not give.
        if self._knows_stocks and feed.status().state is not FeedState.DOWN:
            await _in_time(backend.changes.started(), unless=changes)
        await self._serve(self._services(station, backend, catalog))

    def _make_catalog(self, backend: Backend, relay: OutboxRelay, purge: Purge) -> Catalog:
        def on_commit(changes: Sequence[Change]) -> None:
            for change in changes:
                self._directory.apply(change)
                self._registry.note(change)
            relay.nudge()
            purge.follow(changes)

        return Catalog(
            backend.database,
            clock=self._clock,
            newest_sequence=self._newest_sequence,
            log_epoch=lambda: backend.log.epoch,
            on_commit=on_commit,
            max_subscriptions_per_user=self._settings.max_subscriptions_per_user,
        )

    async def _load(self, backend: Backend) -> None:
        """Fill the hub with the stocks, as far as the database answers, and with the newest prices."""
        try:
            await self._reload()
        except DatabaseUnavailable:
            if backend.must_load:
                raise
        snapshot = backend.log.snapshot()
        newest = [numbering.newest for numbering in snapshot.numberings]
        floors = snapshot.positions
        if backend.recent:
            newest = [tick for tick in newest if tick.sequence < backend.recent[0].sequence]
            floors = {0: backend.recent[0].sequence - 1}
        self._hub.recent.begin(backend.log.partitions, floors)
        self._hub.publish(sorted(newest, key=lambda tick: tick.sequence))
        self._hub.publish(backend.recent)

    async def _reload(self) -> None:
        """Read the stocks, and the subscriptions of those who have watches open, anew."""
        assert self._backend is not None
        await self._backend.prepare()
        stocks = await self.catalog.list_stocks()
        self._directory.load(stocks)
        self._knows_stocks = True
        self._registry.refresh_stocks(stocks)
        users = self._registry.users()
        if users:
            stored = await self.catalog.subscriptions_of_all(users)
            for user_id in users:
                self._registry.refresh_user(user_id, stored.get(user_id))

    async def _apply(self, changes: Sequence[Change]) -> None:
        for change in changes:
            self._directory.apply(change)
        self._registry.apply(changes)

    def _check_stocks_known(self) -> None:
        if not self._knows_stocks:
            raise DatabaseUnavailable("the database has not answered since this server was started")

    async def _find_stock(self, stock_id: str) -> Stock | None:
        self._check_stocks_known()
        assert self._finder is not None
        return await self._finder.find(stock_id)

    def _stocks_after(self, stock_id: str, limit: int) -> Sequence[Stock]:
        self._check_stocks_known()
        return self._directory.after(stock_id, limit)

    def _services(self, station: Station, backend: Backend, catalog: Catalog) -> Services:
        log = backend.log
        sources = WatchSources(
            subscriptions_of=catalog.subscriptions_of,
            find_stock=self._find_stock,
            check_stocks_known=self._check_stocks_known,
            stock_revision=self._directory.revision,
            log_epoch=log.epoch,
            positions_since=log.positions_since,
            oldest_replay_time=log.oldest_replay_time,
            server_version=VERSION,
            max_stocks=self._settings.max_stocks_per_watch,
        )
        return Services(
            stocks=StockServicer(catalog),
            users=UserServicer(catalog),
            subscriptions=SubscriptionServicer(catalog, self._clock),
            prices=PriceServicer(
                log=log,
                find_stock=self._find_stock,
                newest=self._hub.newest,
                stocks_after=self._stocks_after,
                clock=self._clock,
                bars=backend.bars,
            ),
            watches=WatchServicer(station, self._registry, sources),
        )

    async def _serve(self, services: Services) -> None:
        settings = self._settings
        self._server, self.port = await open_door(services, settings, self._clock)
        # It ends with the last stream; the drain seconds are only the cap.
        self._parts.push_async_callback(self._server.stop, settings.drain_seconds)
        await self._server.set_serving(serving=True)
        _log.info("serving", target=self.target, tls=settings.tls_cert is not None, stocks=len(self._directory))

    def _newest_sequence(self, stock_id: str) -> int:
        newest = self._hub.newest(stock_id)
        return newest.sequence if newest is not None else 0


async def _in_time(goal: Coroutine[Any, Any, None], *, unless: asyncio.Task[Any]) -> None:
    """Wait for a goal of a task, as long as a start may take; raise what the task raises if it ends before."""
    reaching = asyncio.ensure_future(goal)
    try:
        await asyncio.wait([reaching, unless], timeout=_CATCH_UP_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        if unless.done():
            unless.result()
    finally:
        reaching.cancel()
        await asyncio.wait([reaching])
