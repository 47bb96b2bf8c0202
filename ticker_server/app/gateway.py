"""The composition root: the only place that knows every part, and in which order they start and stop."""

from __future__ import annotations

import asyncio
import errno
import random
import sqlite3
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import structlog

from ticker_server.api.prices import PriceServicer
from ticker_server.api.stocks import StockServicer
from ticker_server.api.subscriptions import SubscriptionServicer
from ticker_server.api.transport.grpcio.server import Endpoint, GrpcServer, Services, Tls
from ticker_server.api.users import UserServicer
from ticker_server.api.watches import WatchServicer, WatchSources
from ticker_server.catalog import Catalog, Database, OutboxRelay, StockDirectory, open_database, sqlite_url, upgrade
from ticker_server.clock import Clock, SystemClock
from ticker_server.errors import CannotStart
from ticker_server.fanout.hub import Hub
from ticker_server.fanout.registry import WatchRegistry
from ticker_server.fanout.scheduler import Scheduler
from ticker_server.fanout.station import Station
from ticker_server.feed.log import PriceLog
from ticker_server.feed.reader import FeedReader
from ticker_server.feed.sqlite import SqliteLog
from ticker_server.model.change import Change
from ticker_server.model.stock import Stock
from ticker_server.ops.data_directory import locked_data_directory
from ticker_server.settings import Settings
from ticker_server.version import VERSION

__all__ = ["AddressUnusable", "Gateway", "PriceLogUnusable"]

_RECONNECT_SPREAD = 10_000_000_000
"""After a drain, readers are told to come back at a random moment of this span (nanoseconds)."""

_log = structlog.get_logger(__name__)


class AddressUnusable(CannotStart):
    """The address to listen on is taken or cannot be bound."""

    reason = "ADDRESS_UNUSABLE"
    exit_code = 3


class PriceLogUnusable(CannotStart):
    """The price log cannot be opened."""

    reason = "PRICE_LOG_UNUSABLE"
    exit_code = 5


class Gateway:
    """A gateway of the embedded profile: one process, one file. `start`, then `stop`; not to be started again.

    The order of starting is that of the way of a tick: file, price log, catalog, hub, feed, door. Stopping goes the
    other way, so nothing is ever handed to a part that is gone.
    """

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        self.port = 0
        self._settings = settings
        self._clock = clock or SystemClock()
        self._parts = AsyncExitStack()
        self._tasks: list[asyncio.Task[None]] = []
        self._hub = Hub()
        self._registry = WatchRegistry(self._hub)
        self._directory = StockDirectory()
        self._catalog: Catalog | None = None
        self._log: SqliteLog | None = None
        self._server: GrpcServer | None = None

    @property
    def catalog(self) -> Catalog:
        """The stocks, users and subscriptions, once started."""
        assert self._catalog is not None
        return self._catalog

    @property
    def price_log(self) -> PriceLog:
        """Where ticks are published, once started."""
        assert self._log is not None
        return self._log

    @property
    def target(self) -> str:
        """The address that clients connect to, `host:port`."""
        host = self._settings.host
        return f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"

    async def start(self) -> None:
        """Start all parts and serve.

        Raises:
            DataDirectoryUnusable, DatabaseUnusable: The data directory or its file cannot be used.
            PriceLogUnusable: The price log cannot be opened.
            AddressUnusable: The address is taken or cannot be bound.
        """
        try:
            await self._start()
        except BaseException:
            await self._parts.aclose()
            raise

    async def failed(self) -> None:
        """Wait until a part that should run for ever ends, and raise what ended it. Never returns otherwise."""
        done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
        raise RuntimeError(f"{done.pop().get_name()} ended by itself")

    async def stop(self) -> None:
        """Drain: tell each watch to go away, wait for the streams to end, then stop all parts."""
        if self._server is not None:
            await self._server.set_serving(serving=False)
        self._registry.drain(lambda: random.randrange(_RECONNECT_SPREAD))  # noqa: S311 - spreads load, hides nothing
        await self._parts.aclose()
        _log.info("stopped")

    async def _start(self) -> None:
        settings, clock, parts = self._settings, self._clock, self._parts
        path = parts.enter_context(locked_data_directory(settings.data_dir))
        await asyncio.to_thread(upgrade, sqlite_url(path))
        # The price log and the catalog write one file by two connections; the lock gives both their turn.
        write_lock = asyncio.Lock()
        log = self._log = await self._open_log(path, write_lock)
        database = open_database(sqlite_url(path), write_lock=write_lock)
        parts.push_async_callback(database.close)
        relay = OutboxRelay(database, self._apply)
        catalog = self._catalog = self._make_catalog(database, relay)
        await self._load(log, catalog)
        scheduler = Scheduler(clock)
        parts.callback(scheduler.close)
        feed = FeedReader(log, self._hub.publish, clock)
        station = Station(self._hub, scheduler, clock, feed.status, settings.max_pending_ticks)
        self._run("outbox relay", relay.run())
        self._run("feed", feed.run())
        await self._serve(self._services(station, log, catalog))

    async def _open_log(self, path: Path, write_lock: asyncio.Lock) -> SqliteLog:
        log = SqliteLog(path, self._clock, write_lock)
        self._parts.push_async_callback(log.close)
        try:
            await log.open()
        except sqlite3.Error as error:
            raise PriceLogUnusable(f"the price log in {path} cannot be opened: {error}") from error
        writer = asyncio.create_task(log.run(), name="price log")
        self._tasks.append(writer)

        async def end_writer() -> None:
            log.stop()
            await asyncio.wait([writer])

        self._parts.push_async_callback(end_writer)
        return log

    async def _apply(self, changes: Sequence[Change]) -> None:
        self._registry.apply(changes)

    def _make_catalog(self, database: Database, relay: OutboxRelay) -> Catalog:
        def on_commit(changes: Sequence[Change]) -> None:
            for change in changes:
                self._directory.apply(change)
                self._registry.note(change)
            relay.nudge()

        return Catalog(
            database,
            clock=self._clock,
            newest_sequence=self._newest_sequence,
            on_commit=on_commit,
            max_subscriptions_per_user=self._settings.max_subscriptions_per_user,
        )

    async def _load(self, log: SqliteLog, catalog: Catalog) -> None:
        """Fill the hub with the stocks and their newest prices."""
        stocks = await catalog.list_stocks()
        self._directory.load(stocks)
        for stock in stocks:
            self._hub.list_stock(stock)
        newest = [numbering.newest for numbering in log.snapshot().numberings]
        self._hub.publish(sorted(newest, key=lambda tick: tick.sequence))

    def _services(self, station: Station, log: SqliteLog, catalog: Catalog) -> Services:
        async def find_stock(stock_id: str) -> Stock | None:
            return self._directory.get(stock_id)

        sources = WatchSources(
            subscriptions_of=catalog.subscriptions_of,
            find_stock=find_stock,
            stock_revision=self._directory.revision,
            log_epoch=log.epoch,
            server_version=VERSION,
            max_stocks=self._settings.max_stocks_per_watch,
        )
        return Services(
            stocks=StockServicer(catalog),
            users=UserServicer(catalog),
            subscriptions=SubscriptionServicer(catalog, self._clock),
            prices=PriceServicer(
                log=log,
                find_stock=find_stock,
                newest=self._hub.newest,
                stocks_after=self._directory.after,
                clock=self._clock,
            ),
            watches=WatchServicer(station, self._registry, sources),
        )

    async def _serve(self, services: Services) -> None:
        settings = self._settings
        endpoint = Endpoint(
            host=settings.host, port=settings.port, tls=await _read_tls(settings), reflection=settings.reflection
        )
        self._server = GrpcServer(services, endpoint, self._clock)
        try:
            self.port = await self._server.start()
        except OSError as error:
            reason = "is in use by another process" if error.errno == errno.EADDRINUSE else "cannot be listened on"
            raise AddressUnusable(
                f"address {settings.host}:{settings.port} {reason}; give another one with --host and --port"
            ) from error
        # It ends with the last stream; the drain seconds are only the cap.
        self._parts.push_async_callback(self._server.stop, settings.drain_seconds)
        await self._server.set_serving(serving=True)
        _log.info("serving", target=self.target, tls=settings.tls_cert is not None, stocks=len(self._directory))

    def _run(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Run a part until the gateway stops."""
        task = asyncio.create_task(work, name=name)
        self._tasks.append(task)

        async def end() -> None:
            task.cancel()
            await asyncio.wait([task])

        self._parts.push_async_callback(end)

    def _newest_sequence(self, stock_id: str) -> int:
        newest = self._hub.newest(stock_id)
        return newest.sequence if newest is not None else 0


async def _read_tls(settings: Settings) -> Tls | None:
    if settings.tls_cert is None or settings.tls_key is None:
        return None
    client_ca = settings.tls_client_ca
    return Tls(
        await asyncio.to_thread(settings.tls_cert.read_bytes),
        await asyncio.to_thread(settings.tls_key.read_bytes),
        await asyncio.to_thread(client_ca.read_bytes) if client_ca is not None else None,
    )
