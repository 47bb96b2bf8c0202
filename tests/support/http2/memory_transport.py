"""A connection without sockets: what the server writes waits in memory until the test takes it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

__all__ = ["MemorySocket", "MemoryTransport"]


class MemorySocket:
    """What a connection may write to itself, while nothing waits in its transport: takes what the network takes now."""

    def __init__(self, transport: MemoryTransport) -> None:
        self._transport = transport

    def send(self, data: Any) -> int:
        """Take some bytes; return how many, at least one."""
        assert not self._transport.get_write_buffer_size(), "bytes would overtake those that wait in the transport"
        taken = self._transport.let_go(bytes(data))
        if not taken:
            raise BlockingIOError
        return taken


class MemoryTransport(asyncio.Transport):
    """The server's end. The network takes everything at once until it is stopped."""

    def __init__(self, protocol: asyncio.Protocol) -> None:
        super().__init__({"peername": ("127.0.0.1", 4711), "sockname": ("127.0.0.1", 443)})
        self._protocol = protocol
        self._loop = asyncio.get_running_loop()
        self._input = bytearray()
        self._is_reading = True
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._gone: list[bytes] = []
        self._high, self._low = 65_536, 16_384
        self._is_paused = False
        self._is_closing = False
        self._room: int | None = None
        self.lost = False
        self.most_waiting = 0
        protocol.connection_made(self)

    # The network's end.

    def feed(self, data: bytes) -> None:
        """Hand bytes to the server, or keep them while it does not read."""
        self._input += data
        self._deliver()

    def take(self) -> bytes:
        """Return what has left the server."""
        taken, self._gone = b"".join(self._gone), []
        return taken

    @property
    def flowing(self) -> bool:
        """Whether the network takes everything."""
        return self._room is None

    def stop(self, room: int = 0) -> None:
        """Let the network take so many bytes more, then nothing."""
        self._room = room

    def flow(self) -> None:
        """Let the network take what waits, and all that comes."""
        self._room = None
        self._gone += self._waiting
        self._waiting, self._waiting_bytes = [], 0
        self._check_low()

    def let_go(self, data: bytes) -> int:
        """Let the network take of these bytes what it has room for; return how many."""
        taken = len(data) if self._room is None else min(self._room, len(data))
        if self._room is not None:
            self._room -= taken
        if taken:
            self._gone.append(data[:taken])
        return taken

    @property
    def unread(self) -> int:
        """How many bytes the server has not read."""
        return len(self._input)

    # asyncio.Transport, for the server.

    def write(self, data: Any) -> None:
        """Take bytes."""
        if self._is_closing or not data:
            return
        rest = bytes(data)
        if not self._waiting:
            rest = rest[self.let_go(rest) :]
        if not rest:
            return
        self._waiting.append(rest)
        self._waiting_bytes += len(rest)
        self.most_waiting = max(self.most_waiting, self._waiting_bytes)
        if self._waiting_bytes > self._high and not self._is_paused:
            self._is_paused = True
            self._protocol.pause_writing()

    def writelines(self, list_of_data: Iterable[Any]) -> None:
        """Take bytes."""
        self.write(b"".join(list_of_data))

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Set at what size writing is paused and resumed."""
        self._high = 65_536 if high is None else high
        self._low = self._high // 4 if low is None else low

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """Return the sizes at which writing is resumed and paused."""
        return self._low, self._high

    def get_write_buffer_size(self) -> int:
        """Return how much waits."""
        return self._waiting_bytes

    def pause_reading(self) -> None:
        """Hand out nothing from now on."""
        self._is_reading = False

    def resume_reading(self) -> None:
        """Hand out what came meanwhile, and all that comes."""
        self._is_reading = True
        self._loop.call_soon(self._deliver)

    def is_reading(self) -> bool:
        """Return whether the server reads."""
        return self._is_reading and not self._is_closing

    def can_write_eof(self) -> bool:
        """Return that the sending half can be closed alone."""
        return True

    def write_eof(self) -> None:
        """Close the sending half."""

    def is_closing(self) -> bool:
        """Return whether the server has closed the connection."""
        return self._is_closing

    def close(self) -> None:
        """Close the connection."""
        if not self._is_closing:
            self._is_closing = True
            self._loop.call_soon(self._lose)

    def abort(self) -> None:
        """Close the connection and forget what waits."""
        self._waiting, self._waiting_bytes = [], 0
        self.close()

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Return the server's end."""
        return self._protocol

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Hand what comes to another protocol from now on."""
        assert isinstance(protocol, asyncio.Protocol)
        self._protocol = protocol

    def _deliver(self) -> None:
        if self._input and self.is_reading():
            data = bytes(self._input)
            self._input.clear()
            if isinstance(self._protocol, asyncio.BufferedProtocol):
                self._deliver_buffered(self._protocol, data)
            else:
                self._protocol.data_received(data)

    @staticmethod
    def _deliver_buffered(protocol: asyncio.BufferedProtocol, data: bytes) -> None:
        while data:
            room = memoryview(protocol.get_buffer(len(data)))
            count = min(len(room), len(data))
            room[:count] = data[:count]
            protocol.buffer_updated(count)
            data = data[count:]

    def _check_low(self) -> None:
        if self._is_paused and self._waiting_bytes <= self._low:
            self._is_paused = False
            self._protocol.resume_writing()

    def _lose(self) -> None:
        if not self.lost:
            self.lost = True
            self._protocol.connection_lost(None)
