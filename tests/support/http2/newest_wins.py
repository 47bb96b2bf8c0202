"""The simplest watch: it sends the newest message only, and breaks at once if its sink does not keep its promises."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ticker_server.errors import TickerError
from ticker_server.fanout.sink import Sink

__all__ = ["NewestWins"]


class NewestWins:
    """Numbers in, messages out. `sent` are the numbers that the sink took, `pulls` counts its calls.

    Implements what the transport holds of a watch: `close`. `faults` are the broken promises, which are also raised.
    """

    def __init__(self, sink: Sink, on_close: Callable[[NewestWins], None] = lambda _: None) -> None:
        self.offered = 0
        self.sent: list[int] = []
        self.pulls = 0
        self.faults: list[str] = []
        self.closed = False
        self.ended = False
        self._sink = sink
        self._on_close = on_close
        self._pending: tuple[int, Sequence[bytes]] | None = None
        self._is_awaiting = False
        self._has_sent = False
        sink.on_writable = self._pull

    @property
    def is_awaiting(self) -> bool:
        """Whether the sink owes a call of `on_writable`."""
        return self._is_awaiting

    def offer(self, number: int, parts: Sequence[bytes]) -> None:
        """Send a message now, or once the sink takes it, unless a newer one comes before."""
        if not (self.closed or self.ended):
            self.offered = number
            self._pending = (number, parts)
            self._send()

    def end(self, error: TickerError | None, number: int = 0, last: Sequence[bytes] = ()) -> None:
        """End the stream, with one more message or none; what was not sent yet is dropped."""
        if not (self.closed or self.ended):
            self.ended = True
            self._pending, self._is_awaiting = None, False
            if number:
                self.offered = number
                self.sent.append(number)
            self._sink.end(error, last)
            self._demand(not self._sink.writable, "a sink is writable after its end")

    def close(self) -> None:
        """Note that the stream is gone."""
        self._demand(not self.closed, "a watch is closed twice")
        self.closed = True
        self._pending, self._is_awaiting = None, False
        self._on_close(self)

    def _pull(self) -> None:
        self._demand(not (self.closed or self.ended), "on_writable after the end")
        self._demand(self._is_awaiting or self._has_sent, "on_writable although the sink was writable")
        self._demand(self._sink.writable, "on_writable although the sink is not writable")
        self._is_awaiting = self._has_sent = False
        self.pulls += 1
        self._send()

    def _send(self) -> None:
        if self._pending is None:
            return
        if not self._sink.writable:
            self._is_awaiting = True
            return
        self._demand(not self._is_awaiting, "the sink became writable, and has not called on_writable")
        (number, parts), self._pending = self._pending, None
        self._has_sent = True
        self.sent.append(number)
        self._sink.send(parts)

    def _demand(self, kept: bool, fault: str) -> None:  # noqa: FBT001 - as assert
        if not kept:
            self.faults.append(fault)
            raise AssertionError(fault)
