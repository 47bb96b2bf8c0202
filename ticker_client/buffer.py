"""What a watch has received and the program has not taken yet. Bounded, and never silent about what it leaves out."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from ticker_client.errors import ReaderTooSlow
from ticker_client.events import Event, FeedChanged, Gap, Heartbeat, Update
from ticker_client.reasons import GapReason, LagPolicy

__all__ = ["EventBuffer"]


@dataclass(slots=True, eq=False)
class _Slot:
    """A place in the queue: an event, or the gap of a stock and the update that follows it."""

    gap: Gap | None = None
    event: Event | None = None
    every_tick: bool = False


class EventBuffer:
    """A queue in the order of arrival, in which newer updates may take the place of older ones of their stock.

    With a frequency there is at most one update per stock: a newer one takes its place and counts it as superseded.
    With every tick all are kept, until more than `capacity` wait beyond the newest of each stock. From then on, until
    the program has taken everything, LagPolicy.CONFLATE keeps the newest update per stock and a gap BUFFER_FULL
    before it; LagPolicy.DISCONNECT raises ReaderTooSlow instead.

    Ticks of the past are not folded: they wait in the server instead, see `is_past`.

    Nothing is folded across a change of its stock, so the order of both stays true. Changes cannot be folded: too
    many of them raise ReaderTooSlow under either policy.
    """

    def __init__(self, *, capacity: int, lag_policy: LagPolicy) -> None:
        self._capacity = capacity
        self._lag_policy = lag_policy
        self._slots: deque[_Slot] = deque()
        self._newest: dict[str, _Slot] = {}
        """By stock: the slot that a newer update may still take."""
        self._folding = False
        self.is_past = False
        """Whether what is put is of the past: who puts it waits while the buffer is half full, so it is not folded."""
        self.hurried = 0
        """For how many who do not take anything for now: while there are any, the past does not wait."""

    def __len__(self) -> int:
        """Return how many places are taken."""
        return len(self._slots)

    @property
    def folding(self) -> bool:
        """Whether every-tick updates are being folded, because the program is behind."""
        return self._folding

    @property
    def holds_up_the_past(self) -> bool:
        """Whether the past has to wait: half of the places are taken, not counting the newest update of each stock."""
        return self.is_past and not self.hurried and len(self._slots) - len(self._newest) > self._capacity // 2

    def put(self, event: Event) -> None:
        """Add an event that is neither an update nor a gap. Raises ReaderTooSlow."""
        if isinstance(event, Heartbeat | FeedChanged):
            # Only the newest counts, and it goes to the end, because it speaks of the updates before it.
            self._slots = deque(slot for slot in self._slots if type(slot.event) is not type(event))
        self._newest.pop(_stock_of(event), None)
        self._slots.append(_Slot(event=event))
        self._check()

    def put_gap(self, gap: Gap) -> None:
        """Add a gap; its place is also that of the next update of the stock. Raises ReaderTooSlow."""
        slot = self._newest.get(gap.stock_id)
        if slot is None or not (self._folding and slot.every_tick):
            self._append(gap.stock_id, _Slot(gap=gap, every_tick=True))
            return
        first = gap.first_missing_tick_number
        reason = gap.reason
        if slot.gap is not None:
            first = slot.gap.first_missing_tick_number
        if isinstance(slot.event, Update):
            first = first if slot.gap is not None else slot.event.tick_number
            reason = GapReason.BUFFER_FULL
        slot.gap, slot.event = _between(gap.stock_id, first, gap.last_missing_tick_number, reason), None

    def put_update(self, update: Update, *, every_tick: bool) -> None:
        """Add an update, or let it take the place of an older one. Raises ReaderTooSlow."""
        slot = self._newest.get(update.stock_id)
        if slot is None:
            self._append(update.stock_id, _Slot(event=update, every_tick=every_tick))
        elif not isinstance(slot.event, Update):
            slot.event, slot.every_tick = update, every_tick
        elif not (every_tick or slot.every_tick):
            superseded = slot.event.superseded + 1 + update.superseded
            slot.event = update.replacing(slot.event, superseded=superseded)
        elif self._folding and every_tick and slot.every_tick:
            if update.sequence != slot.event.sequence:  # else a snapshot tells the same tick again
                first = slot.event.tick_number if slot.gap is None else slot.gap.first_missing_tick_number
                slot.gap = _between(update.stock_id, first, update.tick_number - 1, GapReason.BUFFER_FULL)
            slot.event = update.replacing(slot.event, superseded=0)
        else:
            self._append(update.stock_id, _Slot(event=update, every_tick=every_tick))

    def take(self) -> Event | None:
        """Return the oldest event; None when there is none."""
        if not self._slots:
            return None
        slot = self._slots[0]
        if slot.gap is not None and slot.event is not None:
            gap, slot.gap = slot.gap, None
            return gap
        self._slots.popleft()
        event = slot.gap if slot.event is None else slot.event
        stock_id = _stock_of(event)
        if self._newest.get(stock_id) is slot:
            del self._newest[stock_id]
        self._folding = self._folding and bool(self._slots)
        return event

    def _append(self, stock_id: str, slot: _Slot) -> None:
        self._slots.append(slot)
        self._newest[stock_id] = slot
        self._check()

    def _check(self) -> None:
        if len(self._slots) - len(self._newest) <= self._capacity or (self.is_past and not self.hurried):
            return
        if self._folding or self._lag_policy is LagPolicy.DISCONNECT:
            raise ReaderTooSlow(
                "READER_TOO_SLOW",
                f"more than {self._capacity} events waited in this program for the reader of the watch; read faster",
            )
        self._fold()

    def _fold(self) -> None:
        """Put everything anew, so that what can be folded is."""
        self._folding = True
        slots, self._slots = self._slots, deque()
        self._newest.clear()
        for slot in slots:
            if slot.gap is not None:
                self.put_gap(slot.gap)
            if isinstance(slot.event, Update):
                self.put_update(slot.event, every_tick=slot.every_tick)
            elif slot.event is not None:
                self.put(slot.event)


def _stock_of(event: Event | None) -> str:
    return getattr(event, "stock_id", "")


def _between(stock_id: str, first: int, last: int, reason: GapReason) -> Gap:
    """Return the gap from first to last, or one without numbers where they make none."""
    return Gap(stock_id, first, last, reason) if 0 < first <= last else Gap(stock_id, 0, 0, reason)
