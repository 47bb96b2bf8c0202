"""WatchService: opens watches and hands them to the registry; from then on all goes from the hub to the sink."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from ticker.v1 import watch_service_pb2

from ticker_server.api.caller import Caller
from ticker_server.api.watch_requests import WatchWish, check_update_watch, parse_watch
from ticker_server.errors import FieldViolation, InvalidArgument, NotBuilt, PriceLogUnavailable, StockNotFound, shown
from ticker_server.fanout.following import Following
from ticker_server.fanout.hub import Quote
from ticker_server.fanout.pieces import LagPolicy, Opening, Refusal
from ticker_server.fanout.registry import ALWAYS, WatchRegistry
from ticker_server.fanout.sink import Sink
from ticker_server.fanout.station import Station
from ticker_server.fanout.watch import Watch
from ticker_server.model.acceptance import Positions
from ticker_server.model.stock import Stock
from ticker_server.model.subscription import EVERY_TICK, Subscription

__all__ = ["WatchServicer", "WatchSources"]

_PATIENCE = 3_000_000_000
_CLOCK_LEAD = 5_000_000_000
"""How far a caller's clock may be ahead of this one (nanoseconds)."""

_LOOK_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class WatchSources:
    """Where a watch learns what to follow, and what it tells of this server."""

    subscriptions_of: Callable[[str], Awaitable[Sequence[Subscription]]]
    find_stock: Callable[[str], Awaitable[Stock | None]]
    check_stocks_known: Callable[[], None]
    stock_revision: Callable[[str], int]
    log_epoch: str
    positions_since: Callable[[int], Awaitable[Positions]]
    oldest_replay_time: Callable[[], int]
    server_version: str
    max_stocks: int


class WatchServicer:
    """Answers WatchStocks and UpdateWatch."""

    def __init__(self, station: Station, registry: WatchRegistry, sources: WatchSources) -> None:
        self._station = station
        self._registry = registry
        self._sources = sources

    async def watch_stocks(self, request: watch_service_pb2.WatchStocksRequest, _caller: Caller, sink: Sink) -> Watch:
        """Open a watch that sends into the sink from now on; it is closed by whoever owns the stream.

        Raises:
            InvalidArgument, LimitExceeded, NotBuilt: The request cannot be served as it is.
            UserNotFound, StockNotFound: Nothing of what was asked for exists.
            DatabaseUnavailable: The saved subscriptions, or the stocks there are, cannot be read just now.
            PriceLogUnavailable: It is not known yet whether a resume is one in this log, or where a replay begins.
        """
        wish = parse_watch(request, max_stocks=self._sources.max_stocks)
        if wish.resume_epoch:
            await self._check_resume(wish)
        since = await self._since(wish)
        if wish.user_ids:
            return await self._watch_user(wish, wish.user_ids[0], sink)
        if wish.all_stocks:
            return self._watch_all(wish, sink, since)
        return await self._watch_list(wish, sink, since)

    async def update_watch(
        self, request: watch_service_pb2.UpdateWatchRequest, _caller: Caller
    ) -> watch_service_pb2.UpdateWatchResponse:
        """Answer that this is not built yet, once the request was judged."""
        check_update_watch(request)
        raise NotBuilt("UpdateWatch")

    async def _check_resume(self, wish: WatchWish) -> None:
        """Let pass what resumes from another log (that is told), and what this gateway has read as far as the reader."""
        if not self._sources.log_epoch:
            raise PriceLogUnavailable(
                "the price log does not answer, so it cannot be said whether it is still the same"
            )
        if wish.resume_epoch != self._sources.log_epoch:
            return
        asked = self._station.clock.wall()
        while ahead := self._ahead(wish):
            feed = self._station.feed_status()
            if feed.read_through > asked:
                # All there was when the position came is read: it is not one of this log.
                rule = f"stock {shown(ahead)} has no such sequence yet; leave the stock out for a snapshot"
                raise InvalidArgument([FieldViolation("resume.positions", "INVALID_RESUME", rule)])
            if self._station.clock.wall() - asked > _PATIENCE:
                raise PriceLogUnavailable("this server has not read as far as the reader; try again, or another one")
            await asyncio.sleep(_LOOK_SECONDS)

    def _ahead(self, wish: WatchWish) -> str:
        """Return a stock of which the reader has seen more than this gateway has read, as yet; empty if there is none."""
        for stock_id, position in wish.positions.items():
            newest = self._station.hub.newest(stock_id)
            if newest is not None and newest.sequence < position.sequence:
                return stock_id
        return ""

    async def _since(self, wish: WatchWish) -> Positions:
        """Return the positions that a replay begins above, none without one."""
        if wish.start_time is None:
            return {}
        if wish.start_time > self._station.clock.wall() + _CLOCK_LEAD:
            rule = "start_time must not lie ahead; leave it out to begin with the newest prices"
            raise InvalidArgument([FieldViolation("start_time", "INVALID_WATCH", rule)])
        return await self._sources.positions_since(wish.start_time)

    async def _watch_user(self, wish: WatchWish, user_id: str, sink: Sink) -> Watch:
        watch = self._watch(wish, sink, user_id=user_id)
        # Registered before the load: what changes meanwhile is kept aside and replayed.
        self._registry.register(watch)
        try:
            subscriptions = await self._sources.subscriptions_of(user_id)
        except BaseException:
            watch.close()
            raise
        self._begin(watch, [self._registry.following(subscription) for subscription in subscriptions], wish, {})
        return watch

    def _watch_all(self, wish: WatchWish, sink: Sink, since: Positions) -> Watch:
        self._sources.check_stocks_known()
        watch = self._watch(wish, sink, all_stocks_cadence=wish.cadence)
        self._registry.register(watch)
        quotes = sorted(self._station.hub.listed(), key=lambda quote: quote.stock_id)
        self._begin(watch, [self._following(quote, wish) for quote in quotes], wish, since)
        return watch

    async def _watch_list(self, wish: WatchWish, sink: Sink, since: Positions) -> Watch:
        found = {stock_id: await self._sources.find_stock(stock_id) for stock_id in wish.stock_ids}
        missing = [StockNotFound(stock_id) for stock_id, stock in found.items() if stock is None]
        if len(missing) == len(found):
            raise missing[0]
        refusals = [Refusal(error.resource_name, error.reason, error.message) for error in missing]
        watch = self._watch(wish, sink, refusals=refusals)
        self._registry.register(watch)
        known = [stock for stock in found.values() if stock is not None]
        followings = [self._following(self._station.hub.list_stock(stock), wish) for stock in known]
        self._begin(watch, followings, wish, since)
        return watch

    def _begin(self, watch: Watch, followings: Sequence[Following], wish: WatchWish, since: Positions) -> None:
        same_log = wish.resume_epoch == self._sources.log_epoch
        for following in followings:
            if since:
                following.resume(since.get(self._station.hub.recent.home(following.stock_id), 0), 0)
            position = wish.positions.get(following.stock_id)
            if not wish.resume_epoch:
                continue
            if not same_log:
                following.resumed_from_another_log = position is not None
            elif position is not None:
                following.resume(*position)
            elif watch.all_stocks_cadence == EVERY_TICK:
                following.resume(0, 0)  # it was born while the reader was away
        self._registry.begin(watch, followings)

    def _following(self, quote: Quote, wish: WatchWish) -> Following:
        """Follow a stock ad hoc; a change of it that is told late and was seen here already is no news then."""
        revision = self._sources.stock_revision(quote.stock_id)
        return Following(quote, wish.cadence, ALWAYS, revision=revision)

    def _watch(
        self,
        wish: WatchWish,
        sink: Sink,
        *,
        user_id: str = "",
        all_stocks_cadence: int | None = None,
        refusals: Sequence[Refusal] = (),
    ) -> Watch:
        opening = Opening(
            watch_id=secrets.token_hex(8),
            log_epoch=self._sources.log_epoch,
            heartbeat_interval=wish.heartbeat_interval,
            lag_policy=LagPolicy(wish.lag_policy),
            server_version=self._sources.server_version,
            refusals=refusals,
            oldest_replay_time=self._sources.oldest_replay_time(),
            end_time=wish.end_time,
        )
        return Watch(
            self._station,
            opening,
            sink,
            user_id=user_id,
            all_stocks_cadence=all_stocks_cadence,
            on_close=self._registry.remove,
        )
