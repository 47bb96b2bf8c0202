"""The rules of requests that open or change a watch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st
from ticker.v1 import watch_service_pb2

from ticker_server.api.watch_requests import WatchWish, check_update_watch, parse_watch
from ticker_server.errors import InvalidArgument, LimitExceeded, NotBuilt
from ticker_server.model.subscription import DEFAULT_FREQUENCY, EVERY_TICK

CONFLATE, DISCONNECT = watch_service_pb2.LAG_POLICY_CONFLATE, watch_service_pb2.LAG_POLICY_DISCONNECT


def watch_request(**fields: Any) -> watch_service_pb2.WatchStocksRequest:
    """Return a WatchStocks request."""
    return watch_service_pb2.WatchStocksRequest(**fields)


def faults(request: watch_service_pb2.WatchStocksRequest) -> list[tuple[str, str]]:
    """Return field and reason of all that is wrong with a request."""
    with pytest.raises(InvalidArgument) as raised:
        parse_watch(request)
    return [(violation.field, violation.reason) for violation in raised.value.violations]


@given(data=st.data())
def test_any_watch_is_parsed_or_refused(arbitrary: Callable[..., Any], data: st.DataObject) -> None:
    """Whatever a request holds, it is taken, refused, over a limit, or not built: never anything else."""
    request = data.draw(arbitrary(watch_service_pb2.WatchStocksRequest))
    try:
        wish = parse_watch(request, max_stocks=2, max_users=2)
    except (InvalidArgument, LimitExceeded, NotBuilt):
        return
    assert bool(wish.user_ids) + bool(wish.stock_ids) + wish.all_stocks == 1


@given(data=st.data())
def test_any_update_is_taken_or_refused(arbitrary: Callable[..., Any], data: st.DataObject) -> None:
    """Whatever an UpdateWatch request holds, it is taken, refused or over a limit: never anything else."""
    request = data.draw(arbitrary(watch_service_pb2.UpdateWatchRequest))
    try:
        check_update_watch(request, max_users=2)
    except (InvalidArgument, LimitExceeded):
        return
    assert request.watch_id


def test_watch_of_stocks_takes_defaults() -> None:
    """An ad-hoc watch has 5 s, CONFLATE and a 5 s heartbeat unless it says otherwise; ids count once."""
    assert parse_watch(watch_request(stock_ids=["B", "A", "B"])) == WatchWish(
        stock_ids=("B", "A"),
        cadence=DEFAULT_FREQUENCY,
        lag_policy=CONFLATE,
        heartbeat_interval=5_000_000_000,
    )


def test_watch_takes_what_is_set() -> None:
    """Cadence, lag policy and heartbeat are taken exactly."""
    wish = parse_watch(
        watch_request(
            stock_ids=["*", "*"],
            every_tick=True,
            lag_policy=DISCONNECT,
            heartbeat_interval=Duration(seconds=1, nanos=1),
        )
    )

    assert wish == WatchWish(
        all_stocks=True, cadence=EVERY_TICK, lag_policy=DISCONNECT, heartbeat_interval=1_000_000_001
    )


def test_watch_of_a_user_may_have_a_lag_policy() -> None:
    """Saved subscriptions may be every-tick, so a lag policy is allowed with a user, who counts once."""
    wish = parse_watch(watch_request(user_ids=["ana", "ana"], lag_policy=DISCONNECT, every_tick=False))

    assert wish == WatchWish(user_ids=("ana",), lag_policy=DISCONNECT)


@pytest.mark.parametrize(
    ("fields", "field", "reason"),
    [
        ({}, "user_ids", "INVALID_WATCH"),
        ({"user_ids": ["ana"], "stock_ids": ["A"]}, "stock_ids", "INVALID_WATCH"),
        ({"stock_ids": ["*", "A"]}, "stock_ids", "INVALID_WATCH"),
        ({"user_ids": [""]}, "user_ids[0]", "INVALID_USER_ID"),
        ({"stock_ids": ["A", "A", "a"]}, "stock_ids[2]", "INVALID_STOCK_ID"),
        ({"user_ids": ["ana"], "every_tick": True}, "every_tick", "INVALID_CADENCE"),
        ({"user_ids": ["ana"], "frequency": Duration()}, "frequency", "INVALID_CADENCE"),
        ({"stock_ids": ["A"], "frequency": Duration()}, "frequency", "INVALID_FREQUENCY"),
        ({"stock_ids": ["A"], "lag_policy": CONFLATE}, "lag_policy", "INVALID_WATCH"),
        ({"stock_ids": ["A"], "every_tick": True, "lag_policy": 9}, "lag_policy", "INVALID_WATCH"),
        ({"stock_ids": ["A"], "heartbeat_interval": Duration()}, "heartbeat_interval", "INVALID_HEARTBEAT_INTERVAL"),
        ({"stock_ids": ["A"], "end_time": Timestamp(seconds=1)}, "end_time", "INVALID_WATCH"),
        ({"stock_ids": ["A"], "start_time": Timestamp(seconds=1)}, "start_time", "INVALID_WATCH"),
        ({"user_ids": ["ana"], "start_time": Timestamp(seconds=1)}, "start_time", "INVALID_WATCH"),
        ({"stock_ids": ["A"], "every_tick": True, "start_time": Timestamp(nanos=-1)}, "start_time", "INVALID_WATCH"),
        (
            {
                "stock_ids": ["A"],
                "every_tick": True,
                "start_time": Timestamp(seconds=2),
                "end_time": Timestamp(seconds=2),
            },
            "end_time",
            "INVALID_WATCH",
        ),
        ({"stock_ids": ["A"], "resume": {}}, "resume.log_epoch", "INVALID_RESUME"),
        (
            {"stock_ids": ["A"], "resume": {"log_epoch": "e", "positions": [{"stock_id": "B", "sequence": 1}]}},
            "resume.positions[0]",
            "INVALID_RESUME",
        ),
    ],
)
def test_watch_is_refused(fields: dict[str, Any], field: str, reason: str) -> None:
    """A watch that breaks one rule is refused with the field and the reason of that rule."""
    assert faults(watch_request(**fields)) == [(field, reason)]


def test_empty_watch_gets_a_hint() -> None:
    """A request that says nothing is told what to set."""
    with pytest.raises(InvalidArgument, match="set user_ids or stock_ids"):
        parse_watch(watch_request())


def test_what_is_not_built_is_refused_by_name() -> None:
    """What this server does not serve yet is named."""
    with pytest.raises(NotBuilt, match=r"^NOT_IMPLEMENTED: user_ids with several users "):
        parse_watch(watch_request(user_ids=["ana", "bob"]))


def test_times_of_a_replay() -> None:
    """Start and end are nanoseconds since the epoch, and None where they are not set; 1970 is a time like any other."""
    fields = {"stock_ids": ["A"], "every_tick": True, "start_time": Timestamp()}
    open_end = parse_watch(watch_request(**fields))
    closed = parse_watch(watch_request(**fields, end_time=Timestamp(seconds=1, nanos=5)))
    plain = parse_watch(watch_request(stock_ids=["A"]))

    assert (open_end.start_time, open_end.end_time) == (0, None)
    assert (closed.start_time, closed.end_time) == (0, 1_000_000_005)
    assert (plain.start_time, plain.end_time) == (None, None)


def test_bad_input_comes_before_what_is_not_built() -> None:
    """A request that is bad and not built is told that it is bad."""
    assert faults(watch_request(user_ids=["ana", ""], resume={"log_epoch": "e"})) == [
        ("user_ids[1]", "INVALID_USER_ID")
    ]


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"stock_ids": [f"S{i}" for i in range(1001)]}, "at most 1000 stocks, not 1001"),
        ({"user_ids": [f"u{i}" for i in range(10_001)]}, "at most 10000 users, not 10001"),
    ],
)
def test_watch_has_limits(fields: dict[str, Any], told: str) -> None:
    """One watch has at most 1000 stocks and 10 000 users."""
    with pytest.raises(LimitExceeded, match=f"^WATCH_LIMIT: .*{told}"):
        parse_watch(watch_request(**fields))


def test_duplicates_do_not_count_towards_the_limit() -> None:
    """A stock that is named a thousand times more is one stock, and what follows is judged, too."""
    request = watch_request(stock_ids=["A"] * 2000)
    assert parse_watch(request).stock_ids == ("A",)

    request.stock_ids.append("a")
    assert faults(request) == [("stock_ids[2000]", "INVALID_STOCK_ID")]


def test_limits_are_those_of_the_settings() -> None:
    """The caller of the rules sets how many stocks a watch may have."""
    with pytest.raises(LimitExceeded, match="at most 1 stocks"):
        parse_watch(watch_request(stock_ids=["A", "B"]), max_stocks=1)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"add_user_ids": ["ana"]}, "watch_id"),
        ({"watch_id": "w"}, "add_user_ids"),
        ({"watch_id": "w", "remove_user_ids": ["ana", "-"]}, "remove_user_ids[1]"),
    ],
)
def test_update_watch_is_refused(fields: dict[str, Any], field: str) -> None:
    """An UpdateWatch request names its watch and users that could exist."""
    with pytest.raises(InvalidArgument) as raised:
        check_update_watch(watch_service_pb2.UpdateWatchRequest(**fields))

    assert [violation.field for violation in raised.value.violations] == [field]


def test_resume_is_kept() -> None:
    """The epoch of a resume and the stocks that it has positions of are told to whoever opens the watch."""
    resume = {"log_epoch": "e", "positions": [{"stock_id": "A", "sequence": 7, "tick_number": 3}]}

    wish = parse_watch(watch_request(stock_ids=["A", "B"], resume=resume))

    assert (wish.resume_epoch, wish.positions) == ("e", {"A": (7, 3)})
    assert parse_watch(watch_request(stock_ids=["A"])).resume_epoch == ""
