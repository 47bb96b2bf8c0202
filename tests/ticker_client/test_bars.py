"""Bars are plain values, and a history is a sequence of them."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from tests.ticker_client.sample_bars import NEW_YORK, apple_days, bar, walking_day
from ticker_client import Bar, BarInterval, Bars, ClientMisused, Position, Resume

NOON = datetime(2013, 7, 1, 12, tzinfo=UTC)


def history(bars: Sequence[Bar], *, time_zone: str = "UTC", is_cut: bool = False) -> Bars:
    """Return bars as the client does."""
    return Bars("AAPL", BarInterval.FIVE_MINUTES, time_zone, "e-1", 47, is_cut, tuple(bars))


def test_bars_are_frozen_and_compare_by_value() -> None:
    """A bar cannot be changed, and equals another with the same content; so does a history."""
    one = bar(NOON, [1, 3, 1, 2])
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.close = one.open  # type: ignore[misc]

    assert one == dataclasses.replace(one)
    assert history([one]) == history([dataclasses.replace(one)]) != history([])


def test_a_history_is_a_sequence() -> None:
    """A history has a length, places, slices and an order, as a tuple has."""
    first, second = bar(NOON, [1, 1, 1, 1], number=1), bar(NOON + timedelta(minutes=5), [2, 2, 2, 2], number=2)
    bars = history([first, second])

    assert (len(bars), bars[0], bars[-1], bars[:1], second in bars) == (2, first, second, (first,), True)
    assert [*reversed(bars)] == [second, first]
    assert repr(bars) == (
        "Bars(stock_id='AAPL', interval=<BarInterval.FIVE_MINUTES: '5m'>, time_zone='UTC', log_epoch='e-1', "
        "synced_through_sequence=47, is_cut=False)"
    )


def test_a_watch_goes_on_behind_a_history_that_is_not_cut() -> None:
    """The position is the last tick that is in the bars; with an end_time there would be a hole, so it is refused."""
    assert history([]).resume == Resume("e-1", (Position("AAPL", 47, 0),))

    with pytest.raises(ClientMisused, match="HISTORY_CUT"):
        _ = history([], is_cut=True).resume


def test_a_history_becomes_a_table() -> None:
    """A table of pandas has the bars by their starts in the zone, and numbers to compute with."""
    bars = history(walking_day(3), time_zone="America/New_York")
    table = bars.to_pandas()

    assert [*table.columns] == ["open", "high", "low", "close", "volume"]
    assert {str(dtype) for dtype in table.dtypes} == {"float64"}
    assert table.index.name == "start_time"
    assert str(table.index.tz) == "America/New_York"
    assert [moment.to_pydatetime() for moment in table.index] == [one.start_time for one in bars]
    assert table["close"].tolist() == [float(one.close) for one in bars]
    assert table.index[0].to_pydatetime() == datetime(2013, 3, 1, 9, 30, tzinfo=NEW_YORK)


def test_a_table_may_be_exact() -> None:
    """Exact numbers are the Decimal objects of the bars, with all their digits."""
    table = history(apple_days()[-2:]).to_pandas(exact=True)

    assert table["high"].tolist() == [one.high for one in apple_days()[-2:]]
    assert set(table.dtypes) == {table["high"].dtype}
    assert table["high"].dtype == object


def test_a_missing_extra_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without pandas a table is refused with what to install."""
    monkeypatch.setitem(sys.modules, "pandas", None)

    with pytest.raises(ModuleNotFoundError, match=r"to_pandas\(\) needs pandas: pip install"):
        history([]).to_pandas()


def test_an_empty_history_is_an_empty_table() -> None:
    """Without bars the table has its columns and its zone all the same."""
    table = history([], time_zone="Europe/Berlin").to_pandas()

    assert (len(table), len(table.columns), str(table.index.tz)) == (0, 5, "Europe/Berlin")
    assert {str(dtype) for dtype in table.dtypes} == {"float64"}
