"""The door through which a watch's messages leave, as the watch sees it; a transport implements it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from ticker_server.errors import TickerError

__all__ = ["Sink"]


class Sink(Protocol):
    """Takes one message at a time; a watch asks `writable` first and never waits.

    The whole of conflation rests on it: while the reader is slow the sink is not writable and nothing is built;
    once it is writable again, `on_writable` is called and the watch takes the newest of everything.

    A transport may say so for its own reasons, too, such as a connection that has too much to send already. Whoever was
    told False is called back, once.
    """

    on_writable: Callable[[], None]
    """Set by the watch; called in the event loop each time the sink, which was not writable, is so again."""

    @property
    def writable(self) -> bool:
        """Whether a message can be sent now: False while the one before is not out, and after `end()`."""

    def send(self, parts: Sequence[bytes]) -> None:
        """Send one message, the join of the parts. Only when writable; never waits."""

    def end(self, error: TickerError | None, last: Sequence[bytes] = ()) -> None:
        """End the stream after what was sent: OK, or the error's status. Idempotent; nothing is sent after it.

        `last` are the parts of one more message, which waits for the reader where the sink is not writable.
        """
