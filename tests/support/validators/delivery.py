"""What readers were told, beside what the log truly holds: nothing is untrue, nothing is lost, and G4, convergent."""

from __future__ import annotations

from collections.abc import Collection

from tests.support.history import History, updates_of
from tests.support.oracle import Truth
from tests.support.validators.chain import cadences
from ticker_client import Gap, GapReason, Update, UpdateKind

Published = Collection[tuple[str, str]]
"""Stock and price of each tick that a publish was answered ACCEPTED for; no price comes twice in a stock."""


def untrue(history: History, truth: Truth) -> list[str]:
    """Each update is a tick of the log, with its sequence, number, price, size and times."""
    wrong: list[str] = []
    ticks = {(tick.stock_id, tick.sequence): tick for accepted in truth.values() for tick in accepted}
    for _, update in updates_of(history):
        tick = ticks.get((update.stock_id, update.sequence))
        if tick is None:
            wrong.append(f"{update} is not in the log")
        elif _facts_of(update) != (tick.tick_number, tick.price, tick.size, tick.trade_time, tick.accept_time):
            wrong.append(f"{update} is {tick} in the log")
    return wrong


def lost(history: History, published: Published, truth: Truth) -> list[str]:
    """Each published tick is in the log once; it was delivered, or a gap names it, or (not every tick) superseded.

    Of a stock that had a price when the reader came, those from there on.
    """
    wrong: list[str] = []
    delivered = {(update.stock_id, update.price_text) for _, update in updates_of(history)}
    newest: dict[str, int] = {}
    first: dict[str, int] = {}
    for _, update in updates_of(history):
        newest[update.stock_id] = max(newest.get(update.stock_id, 0), update.sequence)
        first.setdefault(update.stock_id, update.sequence if update.kind is UpdateKind.SNAPSHOT else 0)
    named, often = _named_by_gaps(history), cadences(history)
    for place, ticks in in_log(published, truth).items():
        stock_id, price = place
        if len(ticks) != 1:
            wrong.append(f"{stock_id} {price} is in the log {len(ticks)} times")
            continue
        sequence, number = ticks[0]
        superseded = often.get(stock_id) is not None and newest.get(stock_id, 0) > sequence
        is_owed = sequence >= first.get(stock_id, 0) and not superseded
        if is_owed and place not in delivered and (stock_id, number) not in named:
            wrong.append(f"{stock_id} {price} was not delivered")
    return wrong


def unconverged(history: History, truth: Truth, stock_ids: Collection[str]) -> list[str]:
    """The last that was told of each stock is the newest tick of the log."""
    last = {update.stock_id: update for _, update in updates_of(history)}
    wrong: list[str] = []
    for stock_id in sorted(truth.keys() & set(stock_ids)):
        told, newest = last.get(stock_id), truth[stock_id][-1]
        if told is None or (told.sequence, told.price_text) != (newest.sequence, newest.price):
            wrong.append(f"{told} is the last, {newest} the newest")
    return wrong


def in_log(published: Published, truth: Truth) -> dict[tuple[str, str], list[tuple[int, int]]]:
    """Return where each published tick is in the log: sequence and tick number, once for each time it is there."""
    found: dict[tuple[str, str], list[tuple[int, int]]] = {place: [] for place in published}
    for stock_id, ticks in truth.items():
        for tick in ticks:
            if (stock_id, tick.price) in found:
                found[stock_id, tick.price].append((tick.sequence, tick.tick_number))
    return found


def _named_by_gaps(history: History) -> set[tuple[str, int]]:
    return {
        (gap.stock_id, number)
        for seen in history
        if isinstance(gap := seen.event, Gap) and gap.reason is not GapReason.UNEXPLAINED
        for number in range(gap.first_missing_tick_number or 1, gap.last_missing_tick_number + 1)
    }


def _facts_of(update: Update) -> tuple[int, str, str, int, int]:
    return update.tick_number, update.price_text, update.size_text, update.trade_time_ns, update.accept_time_ns
