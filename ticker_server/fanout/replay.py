"""What came after the position of an every-tick stock that is resumed, and how it is told."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from ticker_server.fanout.following import Following
from ticker_server.fanout.message import Message
from ticker_server.fanout.pieces import GapReason, gap_piece
from ticker_server.model.tick import AcceptedTick

__all__ = ["Replay"]


class _Gap(NamedTuple):
    first: int
    last: int
    reason: GapReason


class Replay:
    """The ticks of one stock above a position, on their way to one reader.

    A gap comes where some are gone. What came while the window of a subscription was closed is told as it would
    have been: a gap, and the newest at the opening; while it is still closed, nothing. However much that is, one tick
    of it is kept. `last_sequence` is that of the newest tick that was put; `told` counts the ticks that were sent.
    """

    __slots__ = (
        "_closed",
        "_closed_count",
        "_closed_first",
        "_following",
        "_is_whole",
        "_message",
        "_next_number",
        "_queue",
        "last_sequence",
        "told",
    )

    def __init__(self, following: Following) -> None:
        self.told = 0
        self.last_sequence = following.last_sequence
        self._following = following
        self._message: Message | None = None
        self._queue: deque[_Gap | AcceptedTick] = deque()
        self._is_whole = True
        # None where it is not known: then only `lose` tells of a hole.
        counts = following.last_number or not following.last_sequence
        self._next_number: int | None = following.last_number + 1 if counts else None
        self._closed: AcceptedTick | None = None
        self._closed_first = 0
        self._closed_count = 0

    def __len__(self) -> int:
        return len(self._queue)

    @property
    def oldest_accept_time(self) -> int | None:
        """The earliest accept time of what is still to be told (nanoseconds); None if nothing is."""
        return next((each.accept_time for each in self._queue if isinstance(each, AcceptedTick)), None)

    def lose(self) -> None:
        """Note that something is gone before the next tick, however much it was."""
        self._is_whole = False

    def put(self, tick: AcceptedTick) -> None:
        """Add a tick; its sequence is above those put before."""
        self.last_sequence = tick.sequence
        self._note_hole(tick.tick_number)
        if self._is_closed(tick):
            if self._closed is None:
                self._closed_first, self._closed_count = tick.tick_number, 0
            self._closed = tick
            self._closed_count += 1
            return
        self._open()
        self._queue.append(tick)

    def end(self, newest: AcceptedTick | None) -> None:
        """Note that all there was has been put, with the newest tick there is: what comes from now on is live."""
        if newest is not None and newest.sequence > self.last_sequence:
            self.lose()
            self._note_hole(newest.tick_number + 1 if newest.tick_number else 0)
        if self._following.is_open:
            self._open()
        self._closed = None  # told when it opens

    def tell(self, message: Message) -> bool:
        """Offer what has come so far; return whether that was all."""
        following = self._following
        while self._queue:
            each = self._queue[0]
            if isinstance(each, _Gap):
                # Within a message gaps count before updates; this one comes after.
                if self._message is message or not message.offer(gap_piece(following, *each)):
                    return False
                # 0 where it is not known.
                following.last_number = max(following.last_number, each.last)
            elif message.offer_replay(following, each):
                self._message = message
                self.told += 1
            else:
                return False
            self._queue.popleft()
        return True

    def _note_hole(self, number: int) -> None:
        """Tell what is missing before a tick of a number, 0 if it has none."""
        expected, self._next_number = self._next_number, number + 1 if number else None
        if expected is not None and number:
            if number > expected:
                self._open()
                self._queue.append(_Gap(expected, number - 1, GapReason.LOG_TRUNCATED))
        elif not self._is_whole:
            self._open()
            self._queue.append(_Gap(0, 0, GapReason.LOG_TRUNCATED))
        self._is_whole = True

    def _open(self) -> None:
        """Queue what came while the window was closed: all but the newest are missing."""
        closed, self._closed = self._closed, None
        if closed is None:
            return
        if self._closed_count > 1:
            last = max(0, closed.tick_number - 1)  # 0 where ticks have no numbers
            self._queue.append(_Gap(self._closed_first, last, GapReason.OUTSIDE_WINDOW))
        self._queue.append(closed)

    def _is_closed(self, tick: AcceptedTick) -> bool:
        schedule = self._following.schedule
        return schedule.window is not None and not schedule.is_open(tick.accept_time)
