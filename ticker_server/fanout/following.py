"""One stock on one watch: how often it is wanted, in which hours, and what was sent of it last."""

from __future__ import annotations

from ticker_server.fanout.hub import Quote
from ticker_server.model.schedule import Schedule
from ticker_server.model.tick import AcceptedTick

__all__ = ["Following"]


class Following:
    """The state that a watch keeps per stock.

    `last_sequence` and `last_number` are those of the last tick sent (of the last one hidden, before the first), and
    `last_number` also that of the last tick told to be missing.
    `is_open` is what the window said when it was last asked; it changes at `changes_at` (None: never).
    `is_live` is True from the stock's snapshot until it is followed no longer; only then LIVE updates of it are sent.
    `resumes` is True from `resume` until what came after the position has been told.
    `user_id` is empty on an ad-hoc watch. `resumed_from_another_log` until that was told, and `count_is_lost` from when
    it was told that ticks have no numbers.
    """

    __slots__ = (
        "cadence",
        "changes_at",
        "count_is_lost",
        "is_live",
        "is_open",
        "last_number",
        "last_sequence",
        "quote",
        "resumed_from_another_log",
        "resumes",
        "revision",
        "schedule",
        "user_id",
    )

    def __init__(self, quote: Quote, cadence: int, schedule: Schedule, *, user_id: str = "", revision: int = 0) -> None:
        self.quote = quote
        self.cadence = cadence
        self.schedule = schedule
        self.user_id = user_id
        self.revision = revision
        hidden = quote.newest if quote.price is None else None
        self.last_sequence = hidden.sequence if hidden is not None else 0
        self.last_number = hidden.tick_number if hidden is not None else 0
        self.resumed_from_another_log = False
        self.count_is_lost = False
        self.resumes = False
        self.is_live = False
        self.is_open = False
        self.changes_at: int | None = None

    def resume(self, sequence: int, number: int) -> None:
        """Go on after a tick that the reader has seen: by its sequence, and its number, 0 if that was not known."""
        self.resumes = True
        self.last_sequence = sequence
        self.last_number = number

    @property
    def stock_id(self) -> str:
        """The id of the stock."""
        return self.quote.stock_id

    @property
    def next_open(self) -> int | None:
        """When the window opens next (nanoseconds since the epoch); None while it is open, or if it never opens."""
        return None if self.is_open else self.changes_at

    @property
    def news(self) -> AcceptedTick | None:
        """The newest tick, if the reader has not got it and may get it now."""
        tick = self.quote.newest
        if tick is None or tick.sequence <= self.last_sequence or not (self.is_open and self.is_live):
            return None
        return tick

    def ask_window(self, at: int) -> bool:
        """Ask the window at an instant; return whether it opened or closed since it was last asked."""
        was_open = self.is_open
        self.is_open = self.schedule.is_open(at)
        self.changes_at = self.schedule.next_change(at)
        return was_open != self.is_open
