"""Whether what a watch has told is right: pure functions of histories, each of which returns what is wrong, in words."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from tests.support.oracle import Truth
from tests.support.recorder import History
from ticker_client import Gap, GapReason, Opened, StockChanged, StockDeleted, StockJoined, StockLeft, Update, UpdateKind

Published = Collection[tuple[str, str]]
"""Stock and price of each tick that a publish was answered ACCEPTED for; no price comes twice in a stock."""


def out_of_order(history: History) -> list[str]:
    """Per stock, sequences of live updates strictly increase, and those of snapshots never go back; within an epoch."""
    wrong: list[str] = []
    last: dict[str, Update] = {}
    for epoch, update in _updates(history):
        place = f"{epoch}/{update.stock_id}"
        before = last.get(place)
        if before is not None:
            least = before.sequence + (update.kind is not UpdateKind.SNAPSHOT)
            if update.sequence < least:
                wrong.append(f"{update} after {before}")
        last[place] = update
    return wrong


def repeated(history: History) -> list[str]:
    """No live update comes twice."""
    seen: set[tuple[str, str, int]] = set()
    wrong: list[str] = []
    for epoch, update in _updates(history):
        identity = (epoch, update.stock_id, update.sequence)
        if update.kind is UpdateKind.LIVE and identity in seen:
            wrong.append(f"{update} twice")
        seen.add(identity)
    return wrong


def unaccounted(history: History, *, every_tick: bool) -> list[str]:
    """Tick numbers account for all: with every tick by ones or after a gap, otherwise as `superseded` says."""
    wrong: list[str] = []
    numbers: dict[str, int] = {}
    for seen in history:
        event = seen.event
        if isinstance(event, Opened | StockJoined | StockChanged | StockLeft | StockDeleted):
            for stock_id in _stocks_of(event):
                numbers.pop(stock_id, None)
        elif isinstance(event, Gap):
            if event.reason is GapReason.UNEXPLAINED:  # told by the SDK, of numbers that jump
                wrong.append(f"{event}")
            if event.last_missing_tick_number:
                numbers[event.stock_id] = event.last_missing_tick_number
            else:
                numbers.pop(event.stock_id, None)
        elif isinstance(event, Update):
            expected = numbers.get(event.stock_id)
            missing = 0 if expected is None else event.tick_number - expected - 1
            allowed = 0 if every_tick else event.superseded
            if event.kind is UpdateKind.LIVE and expected is not None and missing != allowed:
                wrong.append(f"{event} after number {expected}, and {event.superseded} superseded")
            numbers[event.stock_id] = event.tick_number
    return wrong


def untrue(history: History, truth: Truth) -> list[str]:
    """Each update is a tick of the log, with its sequence, number, price, size and times."""
    wrong: list[str] = []
    ticks = {(tick.stock_id, tick.sequence): tick for accepted in truth.values() for tick in accepted}
    for _, update in _updates(history):
        tick = ticks.get((update.stock_id, update.sequence))
        if tick is None:
            wrong.append(f"{update} is not in the log")
        elif _facts_of(update) != (tick.tick_number, tick.price, tick.size, tick.trade_time, tick.accept_time):
            wrong.append(f"{update} is {tick} in the log")
    return wrong


def lost(history: History, published: Published, truth: Truth, *, every_tick: bool) -> list[str]:
    """Each published tick is in the log once; it was delivered, or a gap names it, or (not every tick) superseded."""
    wrong: list[str] = []
    delivered = {(update.stock_id, update.price_text) for _, update in _updates(history)}
    newest: dict[str, int] = {}
    for _, update in _updates(history):
        newest[update.stock_id] = max(newest.get(update.stock_id, 0), update.sequence)
    named = _named_by_gaps(history)
    for stock_id, price in published:
        ticks = [tick for tick in truth.get(stock_id, ()) if tick.price == price]
        if len(ticks) != 1:
            wrong.append(f"{stock_id} {price} is in the log {len(ticks)} times")
            continue
        superseded = not every_tick and newest.get(stock_id, 0) > ticks[0].sequence
        told = (stock_id, price) in delivered or (stock_id, ticks[0].tick_number) in named
        if not told and not superseded:
            wrong.append(f"{stock_id} {price} was not delivered")
    return wrong


def unconverged(history: History, truth: Truth, stock_ids: Collection[str]) -> list[str]:
    """The last that was told of each stock is the newest tick of the log."""
    last = {update.stock_id: update for _, update in _updates(history)}
    wrong: list[str] = []
    for stock_id in stock_ids:
        told, newest = last.get(stock_id), truth[stock_id][-1]
        if told is None or (told.sequence, told.price_text) != (newest.sequence, newest.price):
            wrong.append(f"{told} is the last, {newest} the newest")
    return wrong


def gaps(history: History) -> list[str]:
    """A reader that is never slow gets everything: no gap is told, whatever its reason says."""
    return [str(seen.event) for seen in history if isinstance(seen.event, Gap)]


def faults(history: History, published: Published, truth: Truth, *, every_tick: bool) -> list[str]:
    """Everything that is wrong with the history of a fast reader, begun before the first publish and settled."""
    stock_ids = {stock_id for stock_id, _ in published}
    return [
        *gaps(history),
        *out_of_order(history),
        *repeated(history),
        *unaccounted(history, every_tick=every_tick),
        *untrue(history, truth),
        *lost(history, published, truth, every_tick=every_tick),
        *unconverged(history, truth, stock_ids),
    ]


def _updates(history: History) -> Iterator[tuple[str, Update]]:
    """Yield each update with the epoch of its stream."""
    epoch = ""
    for seen in history:
        if isinstance(seen.event, Opened):
            epoch = seen.event.log_epoch
        elif isinstance(seen.event, Update):
            yield epoch, seen.event


def _stocks_of(event: Opened | StockJoined | StockChanged | StockLeft | StockDeleted) -> list[str]:
    if isinstance(event, Opened):
        return [stock.stock_id for stock in event.stocks]
    return [event.stock_id]


def _named_by_gaps(history: History) -> set[tuple[str, int]]:
    return {
        (seen.event.stock_id, number)
        for seen in history
        if isinstance(seen.event, Gap) and seen.event.reason is not GapReason.UNEXPLAINED
        for number in range(seen.event.first_missing_tick_number or 1, seen.event.last_missing_tick_number + 1)
    }


def _facts_of(update: Update) -> tuple[int, str, str, int, int]:
    return update.tick_number, update.price_text, update.size_text, update.trade_time_ns, update.accept_time_ns
