"""G5, bookmarked: `read_through` never claims an instant whose ticks were not delivered, superseded or due."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from datetime import datetime, timedelta

from tests.support.history import History
from tests.support.oracle import Truth
from tests.support.validators.chain import Chain
from ticker_client import Heartbeat, Opened, StockChanged, StockDeleted, StockJoined, StockLeft, Update
from ticker_client.instants import nanoseconds_of

PROMISE = 2
"""A change is sent at most so many times the frequency after it happened."""
SLACK = timedelta(seconds=1)


@dataclass
class _Debt:
    """A tick that waits for its beat: it, or a newer one, has to come."""

    number: int
    due: datetime


def overclaimed(history: History, truth: Truth) -> list[str]:
    """What a heartbeat claims to have been read has been told before it, or waits for its beat and comes in time.

    All in the server's time, because a reader cannot tell how long a message was under way: a heartbeat that comes when
    a tick was due shows that it did not. Of stocks whose windows are open.
    """
    wrong: list[str] = []
    chain, debts = Chain(), dict[str, _Debt]()
    accepted = {stock_id: [tick.accept_time for tick in ticks] for stock_id, ticks in truth.items()}
    for seen in history:
        event = seen.event
        chain.take(event)
        match event:
            case Opened():
                debts.clear()
            case StockJoined() | StockChanged() | StockLeft() | StockDeleted():
                debts.pop(event.stock_id, None)
            case Update() if event.stock_id in debts and event.tick_number >= debts[event.stock_id].number:
                del debts[event.stock_id]
            case Heartbeat() if event.read_through is not None:
                wrong += _overdue(debts, event.server_time)
                read = nanoseconds_of(event.read_through)
                for stock in chain.followed.values():
                    claimed = bisect_left(accepted.get(stock.stock_id, []), read)
                    told = chain.positions.get(stock.stock_id)
                    if told is None or told >= claimed or not stock.open_now:
                        continue
                    if stock.frequency is None:
                        wrong.append(f"{event.read_through} claims {stock.stock_id} up to {claimed}, told is {told}")
                    else:
                        due = event.server_time + PROMISE * stock.frequency + SLACK
                        debts.setdefault(stock.stock_id, _Debt(claimed, due))
    return wrong


def _overdue(debts: dict[str, _Debt], now: datetime) -> list[str]:
    """Remove the debts that were due before now, and say so."""
    overdue = {stock_id: debt for stock_id, debt in debts.items() if debt.due < now}
    for stock_id in overdue:
        del debts[stock_id]
    return [f"{stock_id} up to {debt.number} was due at {debt.due}" for stock_id, debt in overdue.items()]
