"""What makes a repeated file harmless."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticker_client.cli.columns import Columns
from ticker_client.cli.csv_ticks import CsvTick
from ticker_client.cli.numbering import FileNumbering, TradeTimeNumbering, file_publisher_id, is_publisher_id

COLUMNS = Columns(("s", "o", "c"), stock_id=0, prices=(1, 2), size=None, trade_time=None)


def test_a_file_numbers_its_ticks_by_their_place() -> None:
    """The sequence of a tick under the file's own id is its running number in the file."""
    assert FileNumbering().sequence_of(CsvTick("AAPL", "1", "", 5, number=17)) == 17


@given(st.lists(st.tuples(st.sampled_from(["AAPL", "FB"]), st.none() | st.integers(-5, 5))))
def test_trade_times_are_made_strictly_increasing(ticks: list[tuple[str, int | None]]) -> None:
    """Sequences of one stock always grow, are above zero, and are the same in a second run."""

    def run() -> list[tuple[str, int]]:
        numbering = TradeTimeNumbering(lambda: 3)
        return [(stock, numbering.sequence_of(CsvTick(stock, "1", "", at, 1))) for stock, at in ticks]

    sequences = run()

    assert run() == sequences
    for wanted in ("AAPL", "FB"):
        own = [sequence for stock, sequence in sequences if stock == wanted]
        assert own == sorted(set(own))
        assert all(sequence > 0 for sequence in own)


def test_a_later_trade_time_is_the_sequence_itself() -> None:
    """A trade time above the last sequence is taken as it is."""
    numbering = TradeTimeNumbering(lambda: 0)
    times = [1000, 1000, 990, 2000]

    assert [numbering.sequence_of(CsvTick("FB", "1", "", at, 1)) for at in times] == [1000, 1001, 1002, 2000]


def test_the_id_of_a_file_follows_its_text_and_how_it_is_read() -> None:
    """The same text read in the same way has the same id; other columns or another zone make another."""
    own = file_publisher_id("abc", COLUMNS, "UTC")

    assert is_publisher_id(own)
    assert file_publisher_id("abc", replace(COLUMNS), "UTC") == own
    others = {
        file_publisher_id("abd", COLUMNS, "UTC"),
        file_publisher_id("abc", replace(COLUMNS, prices=(2,)), "UTC"),
        file_publisher_id("abc", COLUMNS, "Europe/Berlin"),
    }
    assert len(others | {own}) == 4


@pytest.mark.parametrize(
    ("text", "expected"),
    [("feed-1", True), ("a" * 64, True), ("", False), ("-a", False), ("a b", False), ("a" * 65, False)],
)
def test_the_form_of_a_publisher_id(text: str, expected: bool) -> None:  # noqa: FBT001 - a table's column
    """A publisher id has 1-64 letters, digits, points, underscores and hyphens, and begins with one of the first two."""
    assert is_publisher_id(text) is expected
