from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticker_server.model.tick import PUBLISHER_ID, is_price, is_size

NO_DECIMALS = [
    "-1",
    "+1",
    " 1",
    "1 ",
    "1\n",
    ".5",
    "5.",
    "1,5",
    "1e3",
    "NaN",
    "Infinity",
    "0x1",
    "\uff11",
    "1.2.3",
    "abc",
]
TOO_LONG = ["1" * 13, "1." + "1" * 10]


@pytest.mark.parametrize("text", ["1", "167.42", "0.000000001", "999999999999.999999999", "007.50", "10"])
def test_price(text: str) -> None:
    """One to twelve digits, and up to nine after a point, are a price and a size."""
    assert is_price(text)
    assert is_size(text)


@pytest.mark.parametrize("text", ["", "0", "0.0", "000.000000000", *NO_DECIMALS, *TOO_LONG])
def test_no_price(text: str) -> None:
    """What is zero, signed, in another notation, or too long is no price."""
    assert not is_price(text)


@pytest.mark.parametrize("text", ["", "0", "0.0", "100"])
def test_size_may_be_zero_or_unknown(text: str) -> None:
    """A size may be zero, and empty where it is unknown."""
    assert is_size(text)


@pytest.mark.parametrize("text", [*NO_DECIMALS, *TOO_LONG])
def test_no_size(text: str) -> None:
    """What is signed, in another notation, or too long is no size."""
    assert not is_size(text)


@given(st.from_regex(r"[0-9]{1,12}(\.[0-9]{1,9})?", fullmatch=True))
def test_price_is_a_size_above_zero(text: str) -> None:
    """Of the well-formed decimals exactly those above zero are prices."""
    assert is_size(text)
    assert is_price(text) == (Decimal(text) > 0)


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("p", True),
        ("feed-1_a.B", True),
        ("9" * 64, True),
        ("", False),
        ("-a", False),
        ("a@b", False),
        ("9" * 65, False),
    ],
)
def test_publisher_id(text: str, *, valid: bool) -> None:
    """A publisher id is a letter or digit, and up to 63 letters, digits, points, dashes or underscores."""
    assert (PUBLISHER_ID.fullmatch(text) is not None) == valid
