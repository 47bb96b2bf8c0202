"""G3, resumable: a reader that comes back goes on after what it saw, or is told; never a silent hole."""

from __future__ import annotations

from tests.support.history import Begun, History
from tests.support.validators.chain import Chain
from ticker_client import Opened, Position, StockDeleted, StockLeft, Update, UpdateKind


def unresumed(history: History) -> list[str]:
    """The first word about a stock on a further stream follows on from the last one on the stream before.

    With every tick it is the next tick, or a gap that begins there; with a frequency a newer tick, which counts the
    others as superseded, and the only one of the past. A program that was restarted has gone on from what it was told
    last, no earlier and no later.
    """
    wrong: list[str] = []
    chain = Chain()
    last: dict[str, Position] = {}
    replayed: set[str] = set()
    for seen in history:
        event = seen.event
        if isinstance(event, Begun):
            wrong += _forged(event, chain.epoch, last)
            last = {} if event.resume is None else last
        elif isinstance(event, Opened):
            replayed.clear()
            last = last if event.log_epoch == chain.epoch else {}
        elif isinstance(event, StockLeft | StockDeleted):
            last.pop(event.stock_id, None)
        link = chain.take(event)
        if isinstance(event, Update):
            last[event.stock_id] = Position(event.stock_id, event.sequence, event.tick_number)
        if link is not None and link.is_first and link.break_of_chain:
            wrong.append(f"came back: {link.break_of_chain}")
        if link is not None and not link.every_tick and isinstance(event, Update) and event.kind is UpdateKind.REPLAY:
            if event.stock_id in replayed:
                wrong.append(f"{event} is not the first tick of the past, and only the newest was wanted")
            replayed.add(event.stock_id)
    return wrong


def _forged(begun: Begun, epoch: str, last: dict[str, Position]) -> list[str]:
    """Compare the position from which a program goes on with what it has been told."""
    if begun.resume is None or not epoch:
        return []
    if begun.resume.log_epoch != epoch:
        return []  # it was told of another log, and had not caught up in it
    wrong = [
        f"went on from {one}, not {last.get(one.stock_id)}"
        for one in begun.resume.positions
        if last.get(one.stock_id) != one
    ]
    known = {one.stock_id for one in begun.resume.positions}
    return wrong + [f"went on without {one}" for stock_id, one in last.items() if stock_id not in known]
