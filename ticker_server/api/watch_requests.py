"""The rules of requests that open or change a watch.

Bad input is judged first, limits next, and what this server does not serve yet last: so a caller learns that a
request is wrong before it learns that it would not be served anyway.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

from ticker.v1 import watch_service_pb2

from ticker_server.api.requests import parse_cadence
from ticker_server.api.resume import note_resume_faults
from ticker_server.api.validation import (
    Fault,
    Violations,
    duration_nanoseconds,
    first_indexes,
    heartbeat_fault,
    stock_id_fault,
    timestamp_nanoseconds,
    user_id_fault,
)
from ticker_server.errors import LimitExceeded, NotBuilt
from ticker_server.model.subscription import DEFAULT_FREQUENCY, EVERY_TICK

__all__ = ["ALL_STOCKS", "Position", "WatchWish", "check_update_watch", "parse_watch"]

ALL_STOCKS = "*"
DEFAULT_HEARTBEAT_INTERVAL = 5_000_000_000
MAX_STOCKS_PER_WATCH = 1000
MAX_USERS_PER_WATCH = 10_000

_LAG_POLICIES = watch_service_pb2.LagPolicy.values()


class Position(NamedTuple):
    """The last update that a reader has seen of a stock; `tick_number` is 0 if it was not known."""

    sequence: int
    tick_number: int


@dataclass(frozen=True, slots=True)
class WatchWish:
    """What WatchStocks asks for, with all defaults filled in: one of `user_ids`, `stock_ids` and `all_stocks`.

    `cadence` is that of an ad-hoc watch: a frequency in nanoseconds, or EVERY_TICK; saved subscriptions have their
    own. `heartbeat_interval` is in nanoseconds, `start_time` and `end_time` in nanoseconds since the epoch, None where
    they are not set. `resume_epoch` is the log epoch of a resume, empty without one, and
    `positions` are those it has, by stock.
    """

    user_ids: tuple[str, ...] = ()
    stock_ids: tuple[str, ...] = ()
    all_stocks: bool = False
    cadence: int = DEFAULT_FREQUENCY
    lag_policy: watch_service_pb2.LagPolicy.ValueType = watch_service_pb2.LAG_POLICY_CONFLATE
    heartbeat_interval: int = DEFAULT_HEARTBEAT_INTERVAL
    resume_epoch: str = ""
    positions: Mapping[str, Position] = field(default_factory=dict)
    start_time: int | None = None
    end_time: int | None = None


def parse_watch(
    request: watch_service_pb2.WatchStocksRequest,
    *,
    max_stocks: int = MAX_STOCKS_PER_WATCH,
    max_users: int = MAX_USERS_PER_WATCH,
) -> WatchWish:
    """Return what a WatchStocks request asks for.

    Raises:
        InvalidArgument: A field breaks a rule.
        LimitExceeded: More stocks or users than one watch may have.
        NotBuilt: The request names several users.
    """
    found = Violations()
    user_ids, stock_ids = first_indexes(request.user_ids), first_indexes(request.stock_ids)
    all_stocks = ALL_STOCKS in stock_ids
    _judge_ids(found, user_ids, user_id_fault, "user_ids", max_users)
    _judge_ids(found, stock_ids, _watched_stock_fault, "stock_ids", max_stocks)
    _judge_choice(found, user_ids, stock_ids)
    cadence = _cadence(found, request)
    _judge_lag_policy(found, request, cadence)
    heartbeat_interval = _heartbeat_interval(found, request)
    if request.HasField("resume"):
        note_resume_faults(found, request.resume, user_ids.keys(), stock_ids.keys(), all_stocks=all_stocks)
    _judge_replay(found, request, cadence)
    found.check()
    _check_limit(len(stock_ids), max_stocks, "stocks")
    _check_limit(len(user_ids), max_users, "users")
    if len(user_ids) > 1:
        raise NotBuilt("user_ids with several users")
    return WatchWish(
        user_ids=tuple(user_ids),
        stock_ids=() if all_stocks else tuple(stock_ids),
        all_stocks=all_stocks,
        cadence=cadence,
        lag_policy=request.lag_policy or watch_service_pb2.LAG_POLICY_CONFLATE,
        heartbeat_interval=heartbeat_interval,
        resume_epoch=request.resume.log_epoch,
        positions={
            position.stock_id: Position(position.sequence, position.tick_number)
            for position in request.resume.positions
        },
        start_time=timestamp_nanoseconds(request.start_time) if request.HasField("start_time") else None,
        end_time=timestamp_nanoseconds(request.end_time) if request.HasField("end_time") else None,
    )


def check_update_watch(request: watch_service_pb2.UpdateWatchRequest, *, max_users: int = MAX_USERS_PER_WATCH) -> None:
    """Judge an UpdateWatch request. Raises InvalidArgument or LimitExceeded."""
    found = Violations()
    if not request.watch_id:
        found.note(_watch_fault("watch_id must be set; it is in the stream's `opened`"), "watch_id")
    if not request.add_user_ids and not request.remove_user_ids:
        found.note(_watch_fault("set add_user_ids or remove_user_ids"), "add_user_ids")
    added, removed = first_indexes(request.add_user_ids), first_indexes(request.remove_user_ids)
    _judge_ids(found, added, user_id_fault, "add_user_ids", max_users)
    _judge_ids(found, removed, user_id_fault, "remove_user_ids", max_users)
    found.check()
    _check_limit(max(len(added), len(removed)), max_users, "users")


def _watch_fault(description: str) -> Fault:
    return Fault("INVALID_WATCH", description)


def _watched_stock_fault(stock_id: str) -> Fault | None:
    return None if stock_id == ALL_STOCKS else stock_id_fault(stock_id)


def _judge_ids(
    found: Violations, ids: Mapping[str, int], fault: Callable[[str], Fault | None], field: str, limit: int
) -> None:
    # What lies behind the limit is not looked at: the request is refused anyway, and may hold a million ids.
    for one_id, index in islice(ids.items(), limit):
        found.note(fault(one_id), field, index)


def _judge_choice(found: Violations, user_ids: Mapping[str, int], stock_ids: Mapping[str, int]) -> None:
    if user_ids and stock_ids:
        found.note(_watch_fault("set user_ids or stock_ids, not both"), "stock_ids")
    if not user_ids and not stock_ids:
        hint = 'set user_ids or stock_ids, for example {"user_ids": ["ana"]} or {"stock_ids": ["*"]}'
        found.note(_watch_fault(f"no credentials say whose stocks to watch; {hint}"), "user_ids")
    if ALL_STOCKS in stock_ids and len(stock_ids) > 1:
        found.note(_watch_fault('"*" means all stocks and stands alone'), "stock_ids")


def _cadence(found: Violations, request: watch_service_pb2.WatchStocksRequest) -> int:
    cadence = request.WhichOneof("cadence")
    if request.user_ids and (cadence == "frequency" or request.every_tick):
        rule = "with user_ids the cadence of each saved subscription counts; leave it out, or set stock_ids instead"
        found.note(Fault("INVALID_CADENCE", rule), cadence or "")
        return DEFAULT_FREQUENCY
    return parse_cadence(found, request)


def _judge_lag_policy(found: Violations, request: watch_service_pb2.WatchStocksRequest, cadence: int) -> None:
    if request.lag_policy not in _LAG_POLICIES:
        found.note(_watch_fault(f"lag_policy {request.lag_policy} does not exist"), "lag_policy")
    elif request.lag_policy and not request.user_ids and cadence != EVERY_TICK:
        found.note(_watch_fault("a lag_policy needs every_tick; a frequency never lags"), "lag_policy")


def _heartbeat_interval(found: Violations, request: watch_service_pb2.WatchStocksRequest) -> int:
    if not request.HasField("heartbeat_interval"):
        return DEFAULT_HEARTBEAT_INTERVAL
    found.note(heartbeat_fault(request.heartbeat_interval), "heartbeat_interval")
    return duration_nanoseconds(request.heartbeat_interval) or DEFAULT_HEARTBEAT_INTERVAL


def _judge_replay(found: Violations, request: watch_service_pb2.WatchStocksRequest, cadence: int) -> None:
    start = timestamp_nanoseconds(request.start_time)
    end = timestamp_nanoseconds(request.end_time)
    range_rule = "lies in the years 1 to 9999 and has nanos from 0 to 999999999"
    if start is None:
        found.note(_watch_fault(f"start_time {range_rule}"), "start_time")
    elif request.HasField("start_time") and (cadence != EVERY_TICK or not request.stock_ids):
        found.note(_watch_fault("a start_time needs every_tick and stock_ids"), "start_time")
    if end is None:
        found.note(_watch_fault(f"end_time {range_rule}"), "end_time")
    elif request.HasField("end_time") and not request.HasField("start_time"):
        found.note(_watch_fault("an end_time needs a start_time"), "end_time")
    elif request.HasField("end_time") and start is not None and end <= start:
        found.note(_watch_fault("end_time must be after start_time"), "end_time")


def _check_limit(count: int, limit: int, what: str) -> None:
    if count > limit:
        raise LimitExceeded("WATCH_LIMIT", "watch", f"one watch has at most {limit} {what}, not {count}")
