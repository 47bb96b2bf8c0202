"""What the rows of a chunk change in what is stored: AddStock, row by row, worked out for all of them at once. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from ticker_server.catalog.bulk.bad_row import BadRow
from ticker_server.catalog.bulk.rows import SubscriptionRow
from ticker_server.catalog.bulk.tally import Tally
from ticker_server.catalog.subscription_table import Key
from ticker_server.errors import shown
from ticker_server.model.subscription import Subscription

__all__ = ["Alteration", "LastRows", "Merge", "last_rows", "merge"]

Alteration = tuple[SubscriptionRow, Subscription | None]
"""A row to be written, and the subscription that it replaces; None where there is none."""


@dataclass(slots=True)
class LastRows:
    """The rows of a chunk that count: of several for the same user and stock, the last one.

    `earlier` has the others, each with whether the next one says the same.
    """

    rows: dict[Key, SubscriptionRow] = field(default_factory=dict)
    earlier: dict[Key, list[tuple[SubscriptionRow, bool]]] = field(default_factory=dict)


@dataclass(slots=True)
class Merge:
    """What is to be written, in the order of the file, and what became of all the rows."""

    alterations: list[Alteration] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)
    bad: list[BadRow] = field(default_factory=list)


def last_rows(rows: Sequence[SubscriptionRow]) -> LastRows:
    """Return which of the rows count."""
    found = LastRows()
    for row in rows:
        key = (row.user_id, row.stock_id)
        before = found.rows.get(key)
        if before is not None:
            found.earlier.setdefault(key, []).append((before, before.terms == row.terms))
        found.rows[key] = row
    return found


def merge(
    last: LastRows,
    *,
    listed: Collection[str],
    stored: Mapping[Key, Subscription],
    counts: Mapping[str, int],
    limit: int,
) -> Merge:
    """Work out what the rows change.

    Args:
        last: The rows of a chunk.
        listed: Those of their stocks that exist.
        stored: Those of their subscriptions that exist.
        counts: How many subscriptions their users have; users without any may be left out.
        limit: How many a user may have. What is stored already may be replaced, however many there are.
    """
    found = Merge()
    totals = Counter(counts)
    for key, row in last.rows.items():
        before = stored.get(key)
        if row.stock_id not in listed:
            _reject(found, last, row, "STOCK_NOT_FOUND", f"stock {shown(row.stock_id)} does not exist")
        elif before is None and totals[row.user_id] >= limit:
            message = f"user {shown(row.user_id)} has {totals[row.user_id]} subscriptions, at most {limit} are allowed"
            _reject(found, last, row, "SUBSCRIPTION_LIMIT", message)
        else:
            totals[row.user_id] += before is None
            _accept(found, last, row, before)
    return found


def _accept(found: Merge, last: LastRows, row: SubscriptionRow, before: Subscription | None) -> None:
    if before is None:
        found.tally.imported += 1
        found.alterations.append((row, None))
    elif before.cadence == row.terms.cadence and before.schedule == row.terms.schedule:
        found.tally.unchanged += 1
    else:
        found.tally.replaced += 1
        found.alterations.append((row, before))
    for _earlier, same in last.earlier.get((row.user_id, row.stock_id), ()):
        found.tally.unchanged += same
        found.tally.replaced += not same


def _reject(found: Merge, last: LastRows, row: SubscriptionRow, reason: str, message: str) -> None:
    earlier = [each for each, _same in last.earlier.get((row.user_id, row.stock_id), ())]
    found.bad += [BadRow(each.line, reason, message) for each in (*earlier, row)]
