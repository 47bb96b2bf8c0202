"""A transport without a socket: keeps what is written, and lets a test be the peer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

__all__ = ["FakeTransport"]


class FakeTransport(asyncio.Transport):
    """Stands for one of a TCP socket; as strict as those of asyncio and uvloop.

    While it is `stuck`, its buffer grows and pauses the protocol above `high`; `drain` empties the buffer. `writes` are
    the writes so far, `on_end` is called when it is aborted or closed.
    """

    def __init__(
        self, protocol: asyncio.Protocol, *, extra: dict[str, Any] | None = None, half_closes: bool = True
    ) -> None:
        super().__init__(extra or {"peername": ("192.0.2.7", 4711)})
        self.writes: list[bytes] = []
        self.buffered = 0
        self.stuck = False
        self.high = self.low = 0
        self.is_paused = False
        self.has_eof = False
        self.was_closed = False
        self.was_aborted = False
        self.pauses = 0
        self.on_end: Callable[[], None] = lambda: None
        self._protocol = protocol
        self._half_closes = half_closes
        self._has_paused_writing = False

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Set from how many bytes on the protocol is paused, and below how many it may go on."""
        self.high, self.low = high or 0, low or 0

    def write(self, data: Any) -> None:
        """Take bytes; an error after the end of writing."""
        if self.has_eof:
            raise RuntimeError("Cannot call write() after write_eof()")
        assert data, "an empty write"
        if self.was_closed or self.was_aborted:
            return
        self.writes.append(bytes(data))
        if self.stuck:
            self.buffered += len(data)
            if self.buffered > self.high and not self._has_paused_writing:
                self._has_paused_writing = True
                self._protocol.pause_writing()

    def get_write_buffer_size(self) -> int:
        """Return how many bytes wait."""
        return self.buffered

    def drain(self) -> None:
        """Let the peer read all that was written."""
        self.buffered, self.stuck = 0, False
        if self._has_paused_writing:
            self._has_paused_writing = False
            self._protocol.resume_writing()

    def is_reading(self) -> bool:
        """Whether the protocol gets what comes."""
        return not self.is_paused

    def pause_reading(self) -> None:
        """Let nothing come; once."""
        assert not self.is_paused, "paused twice"
        self.is_paused = True
        self.pauses += 1

    def resume_reading(self) -> None:
        """Let it come again."""
        assert self.is_paused, "resumed twice"
        self.is_paused = False

    def can_write_eof(self) -> bool:
        """Whether one direction can be closed alone; TLS cannot."""
        return self._half_closes

    def write_eof(self) -> None:
        """Close the direction to the peer."""
        self.has_eof = True

    def is_closing(self) -> bool:
        """Whether it is closed or about to be."""
        return self.was_closed or self.was_aborted

    def close(self) -> None:
        """Close after what was written."""
        self.was_closed = True
        self.on_end()

    def abort(self) -> None:
        """Close at once."""
        self.was_aborted = True
        self.on_end()
