from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from ticker.v1 import watch_service_pb2

from tests.support.fanout_rig import accepted
from tests.support.recording_sink import RecordingSink
from tests.support.virtual_clock import VirtualClock
from ticker_server.api.caller import Caller
from ticker_server.api.watches import WatchServicer, WatchSources
from ticker_server.errors import (
    DatabaseUnavailable,
    InvalidArgument,
    NotBuilt,
    PriceLogUnavailable,
    StockNotFound,
    UserNotFound,
)
from ticker_server.fanout.hub import Hub
from ticker_server.fanout.registry import WatchRegistry
from ticker_server.fanout.rereading import Rereading
from ticker_server.fanout.scheduler import Scheduler
from ticker_server.fanout.station import Station
from ticker_server.model.acceptance import Positions
from ticker_server.model.change import StockDeleted, SubscriptionChanged, SubscriptionRemoved
from ticker_server.model.feed_status import FeedState, FeedStatus
from ticker_server.model.schedule import Schedule
from ticker_server.model.stock import Stock
from ticker_server.model.subscription import EVERY_TICK, Subscription

Request = watch_service_pb2.WatchStocksRequest


def subscription(stock_id: str, revision: int) -> Subscription:
    """Return a subscription of ana, every tick and always."""
    return Subscription("ana", stock_id, EVERY_TICK, Schedule("UTC", None), revision, 0, 0)


class Rig:
    """A servicer over a real hub and registry, with a catalog that answers when the test lets it."""

    def __init__(self, epoch: str = "epoch") -> None:
        clock = self.clock = VirtualClock()
        self.knows_stocks = True
        self.read_through = clock.wall()
        self.hub = Hub()
        self.registry = WatchRegistry(self.hub)
        self.sink = RecordingSink()
        self.revisions: dict[str, int] = {}
        self.saved: asyncio.Future[Sequence[Subscription]] = asyncio.get_running_loop().create_future()
        for stock_id in ("AAPL", "MSFT"):
            self.hub.list_stock(Stock(stock_id, stock_id, "USD", 0))
        self.rereadings: list[Rereading] = []
        self.asked_since: list[int] = []
        station = Station(self.hub, Scheduler(clock), clock, self._feed_status, 100, self.rereadings.append)
        sources = WatchSources(
            subscriptions_of=self._subscriptions_of,
            find_stock=self._find_stock,
            check_stocks_known=self._check_stocks_known,
            stock_revision=lambda stock_id: self.revisions.get(stock_id, 0),
            log_epoch=epoch,
            positions_since=self._positions_since,
            oldest_replay_time=lambda: 5_000_000_000,
            server_version="1.2.3",
            max_stocks=1000,
        )
        self.servicer = WatchServicer(station, self.registry, sources)

    async def open(self, **request: object) -> None:
        """Open a watch into the sink."""
        await self.servicer.watch_stocks(Request(**request), Caller(), self.sink)  # type: ignore[arg-type]

    def opened_stocks(self) -> list[str]:
        """Return what `opened` listed."""
        return [stock.stock_id for message in self.sink.messages for stock in message.opened.stocks]

    def _feed_status(self) -> FeedStatus:
        return FeedStatus(FeedState.LIVE, 0, self.read_through)

    async def _positions_since(self, instant: int) -> Positions:
        self.asked_since.append(instant)
        return {0: 2}

    def _check_stocks_known(self) -> None:
        if not self.knows_stocks:
            raise DatabaseUnavailable("away")

    async def _subscriptions_of(self, _user_id: str) -> Sequence[Subscription]:
        return await self.saved

    async def _find_stock(self, stock_id: str) -> Stock | None:
        quote = self.hub.quote(stock_id)
        return quote.stock


@pytest.fixture
async def rig() -> Rig:
    """Return a servicer with two stocks."""
    return Rig()


async def test_listed_stocks_are_opened_and_unknown_ones_refused(rig: Rig) -> None:
    """A list opens with the stocks that exist and names the others as refused."""
    await rig.open(stock_ids=["MSFT", "NOPE"])

    refusals = [refusal.stock_id for message in rig.sink.messages for refusal in message.opened.refusals]
    assert rig.opened_stocks() == ["MSFT"]
    assert refusals == ["NOPE"]
    assert len(rig.registry) == 1


async def test_star_opens_all_stocks_in_order(rig: Rig) -> None:
    """`*` opens every stock that exists, ordered by id."""
    await rig.open(stock_ids=["*"])

    assert rig.opened_stocks() == ["AAPL", "MSFT"]


async def test_list_of_unknown_stocks_is_refused_as_a_whole(rig: Rig) -> None:
    """A list of which nothing exists raises the first refusal and leaves no watch behind."""
    with pytest.raises(StockNotFound):
        await rig.open(stock_ids=["NOPE", "NADA"])

    assert len(rig.registry) == 0


@pytest.mark.parametrize("error", [UserNotFound("ana"), DatabaseUnavailable("away"), asyncio.CancelledError()])
async def test_failed_load_leaves_no_watch_behind(rig: Rig, error: BaseException) -> None:
    """A watch whose subscriptions cannot be loaded raises why and is forgotten."""
    rig.saved.set_exception(error)

    with pytest.raises(type(error)):
        await rig.open(user_ids=["ana"])

    assert len(rig.registry) == 0
    assert not rig.sink.messages


async def test_changes_during_the_load_are_neither_lost_nor_undone(rig: Rig) -> None:
    """What changes while the subscriptions are loaded is applied to the watch, unless the load saw it already."""
    opening = asyncio.create_task(rig.open(user_ids=["ana"]))
    await asyncio.sleep(0)
    rig.registry.apply([SubscriptionChanged(subscription("MSFT", 3)), SubscriptionRemoved("ana", "AAPL", 1)])

    rig.saved.set_result([subscription("AAPL", 2)])
    await opening

    changes = [(change.kind, change.stock_id) for message in rig.sink.messages for change in message.changes]
    assert rig.opened_stocks() == ["AAPL"]
    assert changes == [(watch_service_pb2.CHANGE_KIND_JOINED, "MSFT")]


async def test_change_that_was_seen_at_the_opening_is_no_news(rig: Rig) -> None:
    """A deletion told late, of a stock that was created again before the watch opened, does not end it there."""
    rig.revisions["AAPL"] = 8
    await rig.open(stock_ids=["AAPL"])

    rig.registry.apply([StockDeleted("AAPL", 7)])
    seen_before = [change.stock_id for message in rig.sink.messages for change in message.changes]
    rig.registry.apply([StockDeleted("AAPL", 9)])
    seen_after = [change.stock_id for message in rig.sink.messages for change in message.changes]

    assert seen_before == []
    assert seen_after == ["AAPL"]


async def test_closed_watch_is_forgotten(rig: Rig) -> None:
    """A watch that is closed leaves the registry."""
    watch = await rig.servicer.watch_stocks(Request(stock_ids=["AAPL"]), Caller(), rig.sink)

    watch.close()
    watch.close()

    assert len(rig.registry) == 0


async def test_update_watch_is_judged_and_then_not_built(rig: Rig) -> None:
    """UpdateWatch tells what is wrong with a request first, and that it is not served yet otherwise."""
    with pytest.raises(InvalidArgument):
        await rig.servicer.update_watch(watch_service_pb2.UpdateWatchRequest(), Caller())
    with pytest.raises(NotBuilt):
        await rig.servicer.update_watch(
            watch_service_pb2.UpdateWatchRequest(watch_id="w", add_user_ids=["ben"]), Caller()
        )


async def test_resume_from_another_log_begins_anew(rig: Rig) -> None:
    """A resume from another epoch begins with a gap for each stock that it has a position of, and snapshots of all."""
    positions = [{"stock_id": "MSFT", "sequence": 9, "tick_number": 4}]
    await rig.open(stock_ids=["AAPL", "MSFT"], resume={"log_epoch": "another", "positions": positions})

    gaps = [gap for message in rig.sink.messages for gap in message.gaps]
    assert rig.opened_stocks() == ["AAPL", "MSFT"]
    assert [gap.stock_id for gap in gaps] == ["MSFT"]
    assert gaps[0].reason == watch_service_pb2.GAP_REASON_LOG_REPLACED


async def test_resume_in_the_same_log(rig: Rig) -> None:
    """A resume in the log that is read now goes on after its positions; other stocks begin with a snapshot."""
    for sequence in (1, 2):
        rig.hub.publish([accepted("AAPL", sequence, sequence), accepted("MSFT", sequence, sequence)])
    positions = [{"stock_id": "MSFT", "sequence": 1, "tick_number": 1}]
    await rig.open(stock_ids=["AAPL", "MSFT"], every_tick=True, resume={"log_epoch": "epoch", "positions": positions})

    updates = [(update.stock_id, message.kind) for message in rig.sink.messages for update in message.updates]
    assert updates == [
        ("MSFT", watch_service_pb2.UPDATE_KIND_REPLAY),
        ("AAPL", watch_service_pb2.UPDATE_KIND_SNAPSHOT),
    ]


async def test_replay_since_a_time(rig: Rig) -> None:
    """A replay begins above where the log was at its start; what memory has not is asked of the log."""
    rig.hub.recent.begin(1, {0: 3})
    for sequence in (4, 5):
        rig.hub.publish([accepted("AAPL", sequence, sequence)])
    await rig.open(stock_ids=["AAPL", "MSFT"], every_tick=True, start_time=Timestamp(seconds=7))
    ((position, stock_ids),) = [(each.position, each.stock_ids) for each in rig.rereadings]
    rig.rereadings[0].begin(2)
    rig.rereadings[0].take([accepted("AAPL", 3, 3)], 3)

    assert rig.asked_since == [7_000_000_000]
    assert (position, stock_ids) == (2, ["AAPL"])
    assert [update.sequence for message in rig.sink.messages for update in message.updates] == [3, 4, 5]
    assert rig.sink.messages[0].opened.oldest_replay_time.seconds == 5


async def test_replay_of_the_future(rig: Rig) -> None:
    """A start that lies ahead by more than clocks differ is refused."""
    ahead = rig.clock.wall() // 1_000_000_000 + 6

    with pytest.raises(InvalidArgument, match="INVALID_WATCH: start_time: start_time must not lie ahead"):
        await rig.open(stock_ids=["AAPL"], every_tick=True, start_time=Timestamp(seconds=ahead))
    assert len(rig.registry) == 0


async def test_star_replays_what_was_born_while_away(rig: Rig) -> None:
    """On a watch of all stocks with every tick a stock without a position is replayed from its first tick."""
    for sequence in (1, 2):
        rig.hub.publish([accepted("AAPL", sequence, sequence)])
    await rig.open(stock_ids=["*"], every_tick=True, resume={"log_epoch": "epoch"})

    assert [update.tick_number for message in rig.sink.messages for update in message.updates] == [1, 2]


async def test_position_that_this_gateway_has_yet_to_read(rig: Rig) -> None:
    """A position ahead of what was read is waited for: another gateway may have read further."""
    rig.hub.publish([accepted("AAPL", 1, 1)])
    rig.read_through = 0
    positions = [{"stock_id": "AAPL", "sequence": 2, "tick_number": 2}]
    opening = asyncio.create_task(
        rig.open(stock_ids=["AAPL"], every_tick=True, resume={"log_epoch": "epoch", "positions": positions})
    )
    await asyncio.sleep(0)
    assert not opening.done()

    rig.hub.publish([accepted("AAPL", 2, 2)])
    await asyncio.wait_for(opening, 5)
    assert not [update for message in rig.sink.messages for update in message.updates]


async def test_position_that_does_not_exist(rig: Rig) -> None:
    """A position above all that was read, when everything was read, is refused by name."""
    rig.hub.publish([accepted("AAPL", 1, 1)])
    rig.read_through = rig.clock.wall() + 1
    positions = [{"stock_id": "AAPL", "sequence": 2, "tick_number": 2}]

    with pytest.raises(InvalidArgument, match="INVALID_RESUME"):
        await rig.open(stock_ids=["AAPL"], resume={"log_epoch": "epoch", "positions": positions})
    assert len(rig.registry) == 0


async def test_position_ahead_while_the_feed_stands_still(rig: Rig) -> None:
    """While nothing is read it cannot be said whether a position exists: the reader is to try again."""
    rig.hub.publish([accepted("AAPL", 1, 1)])
    rig.read_through = 0
    positions = [{"stock_id": "AAPL", "sequence": 2, "tick_number": 2}]
    opening = asyncio.create_task(rig.open(stock_ids=["AAPL"], resume={"log_epoch": "epoch", "positions": positions}))
    await asyncio.sleep(0)
    rig.clock.advance(4)

    with pytest.raises(PriceLogUnavailable):
        await asyncio.wait_for(opening, 5)


async def test_resume_while_the_log_is_not_known() -> None:
    """Where the epoch of the log is not known a resume has to be tried again."""
    rig = Rig(epoch="")

    with pytest.raises(PriceLogUnavailable):
        await rig.open(stock_ids=["AAPL"], resume={"log_epoch": "another"})


async def test_all_stocks_need_the_catalog(rig: Rig) -> None:
    """While it is not known which stocks there are, a watch of all of them is refused and not opened empty."""
    rig.knows_stocks = False

    with pytest.raises(DatabaseUnavailable):
        await rig.open(stock_ids=["*"])

    assert len(rig.registry) == 0
