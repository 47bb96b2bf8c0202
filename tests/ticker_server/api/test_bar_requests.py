"""The rules of requests for bars."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st
from ticker.v1 import price_service_pb2

from ticker_server.api.bar_requests import BarWish, parse_list_bars
from ticker_server.api.pages import page_token
from ticker_server.errors import InvalidArgument
from ticker_server.model.bar_span import MINUTE, Days, Lengths, Spans

Request = price_service_pb2.ListBarsRequest
M1, M5, M15 = price_service_pb2.BAR_INTERVAL_1M, price_service_pb2.BAR_INTERVAL_5M, price_service_pb2.BAR_INTERVAL_15M
H1, D1 = price_service_pb2.BAR_INTERVAL_1H, price_service_pb2.BAR_INTERVAL_1D
SECOND = 1_000_000_000
FIRST, LAST = -(2**63), 2**63 - 1


def at(text: str) -> Timestamp:
    """Return an instant from its text in UTC."""
    return Timestamp(seconds=int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()))


def request(**fields: Any) -> Request:
    """Return a request for hours of A, in which fields are set otherwise."""
    return Request(**{"stock_id": "A", "interval": H1, **fields})


def parsed(**fields: Any) -> BarWish:
    """Return what such a request asks for."""
    return parse_list_bars(request(**fields))


def faults(**fields: Any) -> list[tuple[str, str]]:
    """Return field and reason of all that is wrong with such a request."""
    with pytest.raises(InvalidArgument) as raised:
        parsed(**fields)
    return [(violation.field, violation.reason) for violation in raised.value.violations]


def test_defaults() -> None:
    """Without times it is all there is, without a page size 100 bars, without a zone the days are those of UTC."""
    wish = parsed(interval=D1)

    assert (wish.stock_id, wish.spans, wish.start, wish.end) == ("A", Days("UTC"), FIRST, LAST)
    assert (wish.page.limit, wish.page.after) == (100, "")


@pytest.mark.parametrize(
    ("interval", "spans"),
    [
        (M1, Lengths(MINUTE)),
        (M5, Lengths(5 * MINUTE)),
        (M15, Lengths(15 * MINUTE)),
        (H1, Lengths(60 * MINUTE)),
        (D1, Days("Asia/Kolkata")),
    ],
)
def test_intervals(interval: int, spans: Spans) -> None:
    """Each interval has its spans; the zone counts for days alone."""
    assert parsed(interval=interval, time_zone="Asia/Kolkata").spans == spans


@pytest.mark.parametrize(
    ("fields", "start", "end"),
    [
        ({"start_time": "2026-07-01 10:00", "end_time": "2026-07-01 12:00"}, "2026-07-01 10:00", "2026-07-01 12:00"),
        ({"start_time": "2026-07-01 10:01", "end_time": "2026-07-01 12:01"}, "2026-07-01 11:00", "2026-07-01 13:00"),
        ({"start_time": "2026-07-01 10:01", "end_time": "2026-07-01 10:02"}, "2026-07-01 11:00", "2026-07-01 11:00"),
    ],
)
def test_bars_are_those_that_begin_in_the_span(fields: dict[str, str], start: str, end: str) -> None:
    """Bars are whole: those whose start lies from the one time on and before the other."""
    wish = parsed(**{field: at(text) for field, text in fields.items()})

    assert (wish.start, wish.end) == tuple(at(text).seconds * SECOND for text in (start, end))


def test_days_begin_at_the_midnights_of_the_zone() -> None:
    """The days of a zone are those that begin in the span, by its wall clock."""
    wish = parsed(
        interval=D1,
        time_zone="America/New_York",
        start_time=at("2026-03-08 00:00"),
        end_time=at("2026-03-09 04:00"),
    )

    assert wish.start == at("2026-03-08 05:00").seconds * SECOND
    assert wish.end == at("2026-03-09 04:00").seconds * SECOND


@pytest.mark.parametrize(
    ("times", "start", "end"),
    [
        (("0001-01-01 00:00", "1600-01-01 00:00"), FIRST, FIRST),
        (("0001-01-01 00:00", "9999-12-31 23:59"), FIRST, LAST),
        (("2300-01-01 00:00", "9999-12-31 23:59"), LAST, LAST),
    ],
)
@pytest.mark.parametrize("interval", [M1, D1])
def test_times_beyond_64_bits(interval: int, times: tuple[str, str], start: int, end: int) -> None:
    """Times of centuries in which no tick can lie are taken, and mean the end of what can be."""
    wish = parsed(interval=interval, start_time=at(times[0]), end_time=at(times[1]))

    assert (wish.start, wish.end) == (start, end)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"stock_id": ""}, [("stock_id", "INVALID_STOCK_ID")]),
        ({"stock_id": "aapl"}, [("stock_id", "INVALID_STOCK_ID")]),
        ({"interval": 0}, [("interval", "INVALID_FREQUENCY")]),
        ({"interval": 6}, [("interval", "INVALID_FREQUENCY")]),
        ({"interval": -1}, [("interval", "INVALID_FREQUENCY")]),
        ({"start_time": Timestamp(seconds=2**60)}, [("start_time", "INVALID_TRADE_TIME")]),
        ({"end_time": Timestamp(nanos=-1)}, [("end_time", "INVALID_TRADE_TIME")]),
        ({"start_time": Timestamp(seconds=9), "end_time": Timestamp(seconds=9)}, [("end_time", "INVALID_TRADE_TIME")]),
        ({"start_time": Timestamp(nanos=1), "end_time": Timestamp()}, [("end_time", "INVALID_TRADE_TIME")]),
        ({"time_zone": "EST5"}, [("time_zone", "INVALID_TIME_ZONE")]),
        ({"time_zone": "EST5", "interval": D1}, [("time_zone", "INVALID_TIME_ZONE")]),
        ({"page_size": -1}, [("page_size", "INVALID_PAGE_SIZE")]),
        ({"page_token": "x"}, [("page_token", "INVALID_PAGE_TOKEN")]),
        (
            {"stock_id": "a", "interval": 0, "time_zone": "x", "page_size": -1},
            [
                ("stock_id", "INVALID_STOCK_ID"),
                ("interval", "INVALID_FREQUENCY"),
                ("time_zone", "INVALID_TIME_ZONE"),
                ("page_size", "INVALID_PAGE_SIZE"),
            ],
        ),
    ],
)
def test_faults_are_named(fields: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    """Each field that breaks its rule is named with a reason, all of them together."""
    assert faults(**fields) == expected


def test_the_message_says_what_to_do() -> None:
    """Whoever forgets the interval is told which there are."""
    with pytest.raises(InvalidArgument, match=r"^INVALID_FREQUENCY: interval: .* BAR_INTERVAL_1M, .* BAR_INTERVAL_1D"):
        parse_list_bars(Request(stock_id="A"))


SPAN = {"start_time": at("2026-07-01 10:00"), "end_time": at("2026-07-01 20:00")}


def token(start: str = "2026-07-01 12:00", **fields: Any) -> str:
    """Return the token of such a request for the page that begins at an instant."""
    return page_token(parsed(**fields).page.kind, str(at(start).seconds * SECOND))


def test_token_begins_the_next_page() -> None:
    """A page goes on at the span that its token names, whatever its size."""
    wish = parsed(**SPAN, page_size=7, page_token=token(**SPAN))

    assert wish.start == at("2026-07-01 12:00").seconds * SECOND
    assert wish.end == at("2026-07-01 20:00").seconds * SECOND
    assert wish.page.limit == 7


@pytest.mark.parametrize(
    "other",
    [
        {**SPAN, "stock_id": "B"},
        {**SPAN, "interval": M1},
        {**SPAN, "time_zone": "Europe/Berlin"},
        {**SPAN, "start_time": at("2026-07-01 11:00")},
        {**SPAN, "end_time": at("2026-07-01 21:00")},
        {"start_time": SPAN["start_time"]},
        {},
    ],
)
def test_token_of_another_request_is_refused(other: dict[str, Any]) -> None:
    """A token belongs to the request that it came from."""
    assert faults(**other, page_token=token(**SPAN)) == [("page_token", "INVALID_PAGE_TOKEN")]


@pytest.mark.parametrize("start", ["2026-07-01 09:00", "2026-07-01 20:00", "2026-07-01 12:01"])
def test_token_that_was_never_given_out_is_refused(start: str) -> None:
    """A token names the start of a span within the request."""
    assert faults(**SPAN, page_token=token(start, **SPAN)) == [("page_token", "INVALID_PAGE_TOKEN")]


@given(st.integers(-(2**70), 2**70), st.sampled_from([M1, D1]))
def test_any_number_in_a_token_is_taken_or_refused(number: int, interval: int) -> None:
    """Whatever number a token has, nothing beyond 64 bits is ever asked of the database."""
    kind = parsed(interval=interval).page.kind
    with contextlib.suppress(InvalidArgument):
        assert FIRST <= parsed(interval=interval, page_token=page_token(kind, str(number))).start <= LAST


@given(data=st.data())
def test_any_request_is_parsed_or_refused(arbitrary: Callable[..., Any], data: st.DataObject) -> None:
    """Whatever a request holds, it is taken or refused with InvalidArgument, never anything else."""
    drawn = data.draw(arbitrary(Request))
    with contextlib.suppress(InvalidArgument):
        wish = parse_list_bars(drawn)
        assert FIRST <= wish.start <= LAST
        assert FIRST <= wish.end <= LAST
