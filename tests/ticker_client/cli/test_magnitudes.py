"""Large numbers as people say them."""

from __future__ import annotations

from decimal import Decimal

import pytest

from ticker_client.cli.magnitudes import magnitude_text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("0", "0"),
        ("850", "850"),
        ("1.50", "1.50"),
        ("9999", "9,999"),
        ("10000", "10.0K"),
        ("17049", "17.0K"),
        ("999949", "999.9K"),
        ("19730300", "19.7M"),
        ("4900000000", "4.9B"),
    ],
)
def test_a_number_has_its_unit_from_ten_thousand_on(number: str, text: str) -> None:
    """Ten thousand is 10.0K; what is less has all its digits."""
    assert magnitude_text(Decimal(number)) == text
