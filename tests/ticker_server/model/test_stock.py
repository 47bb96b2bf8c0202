from __future__ import annotations

import pytest

from ticker_server.model.stock import STOCK_ID, USER_ID, Stock


@pytest.mark.parametrize("text", ["A", "AAPL", "BRK.B", "7203", "X-1.", "A" * 16])
def test_stock_id(text: str) -> None:
    """A stock id is a capital or digit, and up to 15 capitals, digits, points or dashes."""
    assert STOCK_ID.fullmatch(text)


@pytest.mark.parametrize("text", ["", "aapl", ".A", "-A", "A B", "A\n", "Ä", "*", "A_B", "A" * 17])
def test_no_stock_id(text: str) -> None:
    """Anything else is no stock id."""
    assert not STOCK_ID.fullmatch(text)


@pytest.mark.parametrize("text", ["a", "ana", "Ana.B-c_9@mail.org", "9" * 64])
def test_user_id(text: str) -> None:
    """A user id is a letter or digit, and up to 63 letters, digits, or any of `._@-`."""
    assert USER_ID.fullmatch(text)


@pytest.mark.parametrize("text", ["", "@a", ".a", "a b", "a\n", "ä", "a/b", "9" * 65])
def test_no_user_id(text: str) -> None:
    """Anything else is no user id."""
    assert not USER_ID.fullmatch(text)


@pytest.mark.parametrize(
    ("sequence", "epoch", "hidden"), [(7, "one", True), (8, "one", False), (7, "two", False), (7, "", False)]
)
def test_former_life_is_hidden_in_its_epoch(sequence: int, epoch: str, *, hidden: bool) -> None:
    """A stock hides the ticks up to a sequence, in the epoch of the price log where that sequence counts."""
    assert Stock("A", "A", "USD", 0, hidden_through=7, hidden_epoch="one").hides(sequence, epoch) is hidden


def test_first_life_hides_nothing() -> None:
    """A stock that was never deleted hides no tick, even where no epoch is known."""
    assert not Stock("A", "A", "USD", 0).hides(1, "")
