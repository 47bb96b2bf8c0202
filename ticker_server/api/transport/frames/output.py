"""What one connection has to say: bytes that leave together, and the streams that wait for their turn to add some.

Whatever is written in one turn of the loop is one write to the transport. While the transport has too much to send, or
the peer gave the connection no window, the output is blocked; streams that want to send then stand in a queue and are
served in rounds, one frame each.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol

from ticker_server.api.transport.frames.frame import DEFAULT_MAX_FRAME, DEFAULT_WINDOW

__all__ = ["Output", "Sender"]

Soon = Callable[[Callable[[], None]], None]
"""Has something called at the end of this turn of the loop."""


class Sender(Protocol):
    """A stream that waits in the queue."""

    def take_turn(self) -> None:
        """Send one frame, or ask for what to send; queue again if there is more."""


class Output:
    """The sending side of one connection. `write_out` takes what leaves; it never waits.

    `window` is what the peer still takes of DATA on the connection (RFC 9113, section 6.9), `max_frame` its longest
    frame. `headers` counts the header blocks that were sent.
    """

    __slots__ = (
        "_chunks",
        "_credit",
        "_high",
        "_is_scheduled",
        "_serves_soon",
        "_size",
        "_slice",
        "_soon",
        "_write_out",
        "headers",
        "is_congested",
        "max_frame",
        "waiting",
        "window",
    )

    def __init__(self, write_out: Callable[[bytes], None], soon: Soon, *, high: int, served_per_turn: int) -> None:
        self.window = DEFAULT_WINDOW
        self.max_frame = DEFAULT_MAX_FRAME
        self.is_congested = False
        self.headers = 0
        self.waiting: OrderedDict[Sender, None] | None = None
        self._write_out = write_out
        self._soon = soon
        self._high = high
        self._slice = served_per_turn
        self._chunks: list[bytes] = []
        self._size = 0
        self._credit = DEFAULT_WINDOW
        self._is_scheduled = False
        self._serves_soon = False

    @property
    def is_blocked(self) -> bool:
        """Whether no DATA can be sent just now, whichever the stream."""
        return self.is_congested or self.window <= 0

    @property
    def data_sent(self) -> int:
        """How many bytes of DATA were sent so far."""
        return self._credit - self.window

    def grant(self, credit: int) -> None:
        """Let so many bytes more of DATA be sent."""
        self._credit += credit
        self.window += credit
        self.serve_soon()

    def write(self, data: bytes) -> None:
        """Send bytes with all others of this turn; at once if they are many."""
        self._chunks.append(data)
        self._size += len(data)
        if not self._is_scheduled:
            self._is_scheduled = True
            self._soon(self.flush)
        if self._size >= self._high:
            self.flush()

    def flush(self) -> None:
        """Send what was written in this turn."""
        self._is_scheduled = False
        chunks = self._chunks
        if chunks:
            data = chunks[0] if len(chunks) == 1 else b"".join(chunks)
            chunks.clear()
            self._size = 0
            self._write_out(data)

    def wait(self, sender: Sender) -> None:
        """Queue a stream; it has its turn when the output is not blocked."""
        if self.waiting is None:
            self.waiting = OrderedDict()
        self.waiting[sender] = None
        if not self.is_blocked:
            self.serve_soon()

    def forget(self, sender: Sender) -> None:
        """Let a stream wait no longer."""
        if self.waiting:
            self.waiting.pop(sender, None)

    def serve_soon(self) -> None:
        """Have a round at the end of this turn, if anybody waits."""
        if self.waiting and not self._serves_soon:
            self._serves_soon = True
            self._soon(self.serve)

    def serve(self) -> None:
        """Let each waiting stream have one turn, as long as the output takes it."""
        self._serves_soon = False
        waiting = self.waiting
        if not waiting:
            return
        try:
            for _ in range(min(len(waiting), self._slice)):
                if self.is_blocked or not len(waiting):
                    return
                waiting.popitem(last=False)[0].take_turn()
        finally:
            self.flush()
            if not len(waiting):
                self.waiting = None
            elif not self.is_blocked:
                self.serve_soon()

    def close(self) -> None:
        """Drop everything, also what is still written: the connection is gone."""
        self.is_congested = True
        self._write_out = _drop
        self._chunks.clear()
        self.waiting = None


def _drop(_data: bytes) -> None:
    """Stand in for the connection once it is gone."""
