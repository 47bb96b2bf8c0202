"""How far a program has read a watch. Pure: no I/O, no clock."""

from __future__ import annotations

from collections.abc import Iterable

from ticker_client.events import (
    CaughtUp,
    Event,
    Opened,
    StockChanged,
    StockDeleted,
    StockJoined,
    StockLeft,
    Update,
    WatchedStock,
)
from ticker_client.resume import Position, Resume

__all__ = ["Bookmark"]


class Bookmark:
    """Follows the events that a program takes, and knows from where it would have to go on.

    When the price log is replaced, it stands in the old one until the program has caught up in the new one: a program
    that ends in between is told of the loss once more.
    """

    def __init__(self, resume: Resume) -> None:
        self._log_epoch = resume.log_epoch
        self._positions = {position.stock_id: position for position in resume.positions}
        self._new_epoch: str | None = None
        self._new_positions: dict[str, Position] = {}

    def resume(self) -> Resume:
        """Return from where to go on."""
        return Resume(self._log_epoch, tuple(self._positions.values()))

    def take(self, event: Event) -> None:
        """Note that the program has taken an event."""
        match event:
            case Update():
                self._latest[event.stock_id] = Position(event.stock_id, event.sequence, event.tick_number)
            case Opened():
                self._open(event.log_epoch)
                self._begin(event.stocks)
            case StockJoined() | StockChanged():
                self._begin([event.stock])
            case StockLeft() | StockDeleted():
                self._latest.pop(event.stock_id, None)
            case CaughtUp() if self._new_epoch is not None:
                self._log_epoch, self._positions = self._new_epoch, self._new_positions
                self._new_epoch, self._new_positions = None, {}

    @property
    def _latest(self) -> dict[str, Position]:
        return self._positions if self._new_epoch is None else self._new_positions

    def _open(self, log_epoch: str) -> None:
        if not self._log_epoch:
            self._log_epoch = log_epoch
        elif log_epoch == self._log_epoch:
            self._new_epoch, self._new_positions = None, {}
        elif log_epoch != self._new_epoch:
            self._new_epoch, self._new_positions = log_epoch, {}

    def _begin(self, stocks: Iterable[WatchedStock]) -> None:
        """Note which stocks have no price yet: their first tick is news, whenever it comes."""
        for stock in stocks:
            if not stock.has_price:
                self._latest.setdefault(stock.stock_id, Position(stock.stock_id, 0, 0))
