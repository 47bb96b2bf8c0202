"""Pages and their tokens."""

from __future__ import annotations

import base64
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ticker.v1 import stock_service_pb2

from ticker_server.api.pages import Page, page_token, parse_page
from ticker_server.api.validation import Violations
from ticker_server.errors import InvalidArgument

STOCK_IDS = st.from_regex(r"[A-Z0-9][A-Z0-9.-]{0,15}", fullmatch=True)


def parsed(page_size: int = 0, token: str = "", kind: str = "stocks") -> Page:
    """Return the page of a request, or raise what is wrong with it."""
    found = Violations()
    request = stock_service_pb2.ListStocksRequest(page_size=page_size, page_token=token)
    page = parse_page(found, request, kind)
    found.check()
    return page


@pytest.mark.parametrize(("page_size", "limit"), [(0, 100), (1, 1), (1000, 1000), (1001, 1000), (2**31 - 1, 1000)])
def test_page_size_has_default_and_maximum(page_size: int, limit: int) -> None:
    """A page has 100 items by default and 1000 at most."""
    assert parsed(page_size).limit == limit


def test_negative_page_size_is_refused() -> None:
    """A negative page size is refused."""
    with pytest.raises(InvalidArgument, match=r"^INVALID_PAGE_SIZE: page_size: .* not -1$"):
        parsed(-1)


@given(STOCK_IDS)
def test_token_leads_to_the_next_page(last_id: str) -> None:
    """The token after an id begins the next page above that id."""
    assert parsed(token=page_token("stocks", last_id)).after == last_id


@given(st.text(max_size=40))
def test_foreign_token_is_refused(token: str) -> None:
    """What this server did not write is no token, whatever it is."""
    if token:
        with pytest.raises(InvalidArgument, match=r"^INVALID_PAGE_TOKEN: page_token: "):
            parsed(token=token)


@pytest.mark.parametrize(
    "token",
    [
        page_token("users", "AAPL"),
        page_token("stocks", "aapl"),
        page_token("stocks", "AAPL") + "=",
        page_token("stocks", "AAPL") + "A",
        page_token("stocks", "AAPL")[:-1],
        base64.urlsafe_b64encode(b"2:stocks:AAPL").decode().rstrip("="),
        base64.urlsafe_b64encode(b"\xff\xfe").decode(),
        "A" * 100_000,
    ],
)
def test_garbled_token_is_refused(token: str) -> None:
    """A token of another list, another version, another spelling, or cut short is refused."""
    with pytest.raises(InvalidArgument, match=r"^INVALID_PAGE_TOKEN: ") as raised:
        parsed(token=token)

    assert len(str(raised.value)) < 300


def test_token_may_end_with_something_else() -> None:
    """What a token ends with has the form of its list, and no other."""
    request = stock_service_pb2.ListStocksRequest(page_token=page_token("bars", "-17"))
    found = Violations()

    assert parse_page(found, request, "bars", re.compile(r"-?\d+")).after == "-17"
    found.check()
    assert not parse_page(found, request, "bars", re.compile(r"\d+")).after
    with pytest.raises(InvalidArgument, match=r"^INVALID_PAGE_TOKEN: "):
        found.check()


def test_last_page_has_no_token() -> None:
    """A page that holds all that is left has no next one."""
    assert Page("stocks", "", 3).cut(["A", "B", "C"], str) == (["A", "B", "C"], "")


def test_page_is_cut_where_more_is_left() -> None:
    """A page of a longer list ends at its limit and its token names its last item."""
    items, token = Page("stocks", "", 2).cut(["A", "B", "C"], str)

    assert items == ["A", "B"]
    assert token == page_token("stocks", "B")
