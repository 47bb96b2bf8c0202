"""Bars as tables of pandas, which comes with the extra `history`."""

from __future__ import annotations

from collections.abc import Sequence
from zoneinfo import ZoneInfo

import pandas as pd

from ticker_client.bars import Bar
from ticker_client.instants import nanoseconds_of

__all__ = ["frame_of"]

_COLUMNS = ("open", "high", "low", "close", "volume")


def frame_of(bars: Sequence[Bar], time_zone: str, *, exact: bool) -> pd.DataFrame:
    """Return bars as a table by their start, with numbers of type float64, or `exact` Decimal objects."""
    starts = pd.to_datetime([nanoseconds_of(bar.start_time) for bar in bars], unit="ns", utc=True)
    index = pd.DatetimeIndex(starts, name="start_time").tz_convert(ZoneInfo(time_zone))
    columns = {name: [getattr(bar, name) for bar in bars] for name in _COLUMNS}
    return pd.DataFrame(columns, index=index, dtype=object if exact else "float64")
