"""G1, ordered: per stock and log epoch sequences strictly increase, over all streams of a reader."""

from __future__ import annotations

from tests.support.history import History
from ticker_client import Opened, Update, UpdateKind


def out_of_order(history: History) -> list[str]:
    """Per stock, sequences of updates strictly increase, and those of snapshots never go back; within an epoch."""
    wrong: list[str] = []
    last: dict[tuple[str, str], Update] = {}
    epoch = ""
    for seen in history:
        match seen.event:
            case Opened() as opened:
                epoch = opened.log_epoch
            case Update() as update:
                before = last.get((epoch, update.stock_id))
                if before is not None:
                    least = before.sequence + (update.kind is not UpdateKind.SNAPSHOT)
                    if update.sequence < least:
                        wrong.append(f"{update} after {before}")
                last[epoch, update.stock_id] = update
    return wrong


def repeated(history: History) -> list[str]:
    """No update comes twice, but for the state from which a reader starts anew."""
    seen_before: set[tuple[str, str, int]] = set()
    wrong: list[str] = []
    epoch = ""
    for seen in history:
        match seen.event:
            case Opened() as opened:
                epoch = opened.log_epoch
            case Update() as update:
                identity = (epoch, update.stock_id, update.sequence)
                if update.kind is not UpdateKind.SNAPSHOT and identity in seen_before:
                    wrong.append(f"{update} twice")
                seen_before.add(identity)
    return wrong
