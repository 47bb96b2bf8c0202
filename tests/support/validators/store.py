"""G8, monotone store: the row of a stock never goes back, and is what the log says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tests.support.oracle import Truth


@dataclass(frozen=True, slots=True)
class Row:
    """One version of a row of `latest_price`, in the order in which they were stored."""

    stock_id: str
    epoch_ordinal: int
    sequence: int
    tick_number: int
    price: str


def went_back(rows: Sequence[Row]) -> list[str]:
    """Per stock (epoch ordinal, sequence) strictly increases."""
    wrong: list[str] = []
    last: dict[str, Row] = {}
    for row in rows:
        before = last.get(row.stock_id)
        if before is not None and (row.epoch_ordinal, row.sequence) <= (before.epoch_ordinal, before.sequence):
            wrong.append(f"{row} after {before}")
        last[row.stock_id] = row
    return wrong


def unstored(rows: Sequence[Row], truth: Truth) -> list[str]:
    """Each row of the newest epoch is a tick of the log, and the last of each stock is its newest."""
    newest_epoch = max((row.epoch_ordinal for row in rows), default=0)
    ticks = {(tick.stock_id, tick.sequence): tick for accepted in truth.values() for tick in accepted}
    wrong: list[str] = []
    last: dict[str, Row] = {}
    for row in rows:
        if row.epoch_ordinal != newest_epoch:
            continue
        last[row.stock_id] = row
        tick = ticks.get((row.stock_id, row.sequence))
        if tick is None or (tick.tick_number, tick.price) != (row.tick_number, row.price):
            wrong.append(f"{row} is {tick} in the log")
    for stock_id, accepted in truth.items():
        stored = last.get(stock_id)
        if stored is None or stored.sequence != accepted[-1].sequence:
            wrong.append(f"{stored} is stored, {accepted[-1]} is the newest")
    return wrong
