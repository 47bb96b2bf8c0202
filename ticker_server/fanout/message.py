"""A message in the making: parts that are joined when it is sent."""

from __future__ import annotations

from collections.abc import Sequence

from ticker_server.fanout.encoding import LIVE, MAX_MESSAGE_BYTES, REPLAY, SNAPSHOT, fragment, sent_time_piece
from ticker_server.fanout.following import Following
from ticker_server.fanout.pieces import GapReason, gap_piece
from ticker_server.model.subscription import EVERY_TICK
from ticker_server.model.tick import AcceptedTick

__all__ = ["Message"]

_RESERVE = 1024
"""Room kept for what closes a message: kind, caught_up, heartbeat, go_away, sent_time."""

_ROOM = MAX_MESSAGE_BYTES - _RESERVE


class Message:
    """One message of a watch. It is built at one moment, which is its `sent_time` and that of all its updates.

    `wall` and `monotonic` are that moment; `kind` is the encoded kind of its updates, empty while there are none.
    """

    __slots__ = ("_size", "kind", "monotonic", "parts", "wall")

    def __init__(self, monotonic: int, wall: int) -> None:
        self.monotonic = monotonic
        self.wall = wall
        self.kind = b""
        self.parts: list[bytes] = []
        self._size = 0

    def add(self, part: bytes) -> None:
        """Add one of the small parts that close a message; room is kept for them."""
        self.parts.append(part)

    def offer(self, part: bytes) -> bool:
        """Take a part if it fits; False, and unchanged, if it does not."""
        size = self._size + len(part)
        if size > _ROOM:
            return False
        self._size = size
        self.parts.append(part)
        return True

    def offer_snapshot(self, following: Following, tick: AcceptedTick) -> bool:
        """Take the newest tick of a stock as its snapshot; False if it does not fit."""
        return self._offer_update(SNAPSHOT, fragment(tick), following, tick)

    def offer_replay(self, following: Following, tick: AcceptedTick) -> bool:
        """Take a tick that came after a position that is resumed; False if it does not fit."""
        return self._offer_update(REPLAY, fragment(tick), following, tick)

    def offer_live(self, following: Following, tick: AcceptedTick, *, lagged: bool = False) -> bool:
        """Take a LIVE update; False if it does not fit.

        With every tick what is missing before it was lost to a slow reader, for all else is told apart: its gap goes
        with it. `lagged` says so where ticks have no numbers to tell by.
        """
        if tick.sequence <= following.last_sequence:
            # The reader has it from another gateway, or from the bars, which had read further than this one.
            following.last_number = max(following.last_number, tick.tick_number)
            return True
        part = tick.fragment or fragment(tick)
        if lagged and not tick.tick_number:
            part = gap_piece(following, 0, 0, GapReason.READER_LAGGED) + part
        elif following.cadence == EVERY_TICK and tick.tick_number > following.last_number + 1:
            first, last = following.last_number + 1, tick.tick_number - 1
            part = gap_piece(following, first, last, GapReason.READER_LAGGED) + part
        return self._offer_update(LIVE, part, following, tick)

    def finish(self) -> Sequence[bytes]:
        """Return the parts to send, with the moment of sending."""
        self.parts.append(sent_time_piece(self.wall))
        return self.parts

    def _offer_update(self, kind: bytes, part: bytes, following: Following, tick: AcceptedTick) -> bool:
        loses_count = not (tick.tick_number or following.count_is_lost)
        if loses_count:
            part = gap_piece(following, 0, 0, GapReason.COUNT_LOST) + part
        size = self._size + len(part)
        # One kind per message: what is of another one goes into the next.
        if size > _ROOM or self.kind not in {b"", kind}:
            return False
        self._size = size
        following.count_is_lost = following.count_is_lost or loses_count
        if not self.kind:
            self.kind = kind
            self.parts.append(kind)
        self.parts.append(part)
        following.last_sequence = tick.sequence
        following.last_number = tick.tick_number
        return True
