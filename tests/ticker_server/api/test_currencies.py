"""The currency codes."""

from __future__ import annotations

import pytest

from ticker_server.api.currencies import CURRENCIES


def test_codes_are_three_capital_letters() -> None:
    """Each code has three capital letters, and there are as many as in the published list."""
    assert all(len(code) == 3 and code.isascii() and code.isupper() and code.isalpha() for code in CURRENCIES)
    assert len(CURRENCIES) == 178


@pytest.mark.parametrize("code", ["USD", "EUR", "GBP", "JPY", "CHF", "CNY", "INR", "XAU", "XCG", "ZWG"])
def test_active_codes_are_there(code: str) -> None:
    """Codes in use are known."""
    assert code in CURRENCIES


@pytest.mark.parametrize("code", ["DEM", "FRF", "HRK", "BGN", "ANG", "ZWL", "BTC", "AAA"])
def test_withdrawn_and_invented_codes_are_not_there(code: str) -> None:
    """Codes that were withdrawn, or never were, are not known."""
    assert code not in CURRENCIES
