"""What came after the position of an every-tick stock that is resumed, and how it is told."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from ticker_server.fanout.following import Following
from ticker_server.fanout.message import Message
from ticker_server.fanout.pieces import GapReason, gap_piece
from ticker_server.model.tick import AcceptedTick

__all__ = ["Replay"]


class Replay:
    """The ticks above a position, as far back as they are kept, on their way to one reader.

    A gap comes first where some are not kept any more. What came while the window of a subscription was closed is
    told as it would have been: a gap, and the newest at the opening; while it is still closed, nothing. `told` counts
    the ticks that were sent.
    """

    __slots__ = ("_ticks", "_truncated", "told")

    def __init__(self, following: Following, ticks: Iterable[AcceptedTick], *, reaches_position: bool) -> None:
        self.told = 0
        self._ticks = deque(ticks)
        self._truncated: tuple[int, int] | None = None
        newest = following.quote.newest
        if newest is None or newest.sequence <= following.last_sequence:
            return
        first = self._ticks[0].tick_number if self._ticks else newest.tick_number + 1
        known = first and (following.last_number or not following.last_sequence)
        if known and first > following.last_number + 1:
            self._truncated = (following.last_number + 1, first - 1)
        elif not known and not (reaches_position and self._ticks):
            self._truncated = (0, 0)

    def tell(self, message: Message, following: Following) -> bool:
        """Offer what is left; return whether that was all."""
        if self._truncated is not None:
            first, last = self._truncated
            if not message.offer(gap_piece(following, first, last, GapReason.LOG_TRUNCATED)):
                return False
            following.last_number = last
            self._truncated = None
        while self._ticks:
            if self._is_closed(following, self._ticks[0]):
                if not self._tell_closed(message, following):
                    return False
            elif not self._offer_next(message, following):
                return False
        return True

    def _tell_closed(self, message: Message, following: Following) -> bool:
        """Offer what came while the window was closed: all but the newest are missing."""
        closed = 0
        while closed < len(self._ticks) and self._is_closed(following, self._ticks[closed]):
            closed += 1
        if closed == len(self._ticks) and not following.is_open:
            self._ticks.clear()  # told when it opens
            return True
        missing = closed - 1
        if missing:
            first, last = self._ticks[0].tick_number, self._ticks[missing - 1].tick_number
            if not message.offer(gap_piece(following, first, last, GapReason.OUTSIDE_WINDOW)):
                return False
            following.last_number = last
            for _ in range(missing):
                self._ticks.popleft()
        return self._offer_next(message, following)

    def _offer_next(self, message: Message, following: Following) -> bool:
        if not message.offer_replay(following, self._ticks[0]):
            return False
        self._ticks.popleft()
        self.told += 1
        return True

    @staticmethod
    def _is_closed(following: Following, tick: AcceptedTick) -> bool:
        return following.schedule.window is not None and not following.schedule.is_open(tick.accept_time)
