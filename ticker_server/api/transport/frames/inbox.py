"""The receiving side of one stream: DATA becomes messages, and the peer gets credit for more.

Credit is given at once while a message is incomplete, and withheld while more than a few wait to be read (RFC 9113,
section 5.2; gRPC over HTTP/2, Length-Prefixed-Message).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from google.rpc import code_pb2

from ticker_server.api.transport.frames.limits import Limits
from ticker_server.api.transport.frames.status import CallFailed

__all__ = ["Inbox"]

_PREFIX_BYTES = 5


class Inbox:
    """What came on one stream and was not read yet.

    `window` is what the peer may still send. `on_change` is called when a message is complete and at the end.
    `is_discarding`: the bytes are of no use and are dropped. `give_credit` takes the stream's id and so many bytes;
    `account` hears by how much what is kept here grew or shrank.
    """

    __slots__ = (
        "_account",
        "_bytes",
        "_expected_total",
        "_give_credit",
        "_held",
        "_limits",
        "_owed",
        "_reader",
        "_stream_id",
        "_total",
        "has_ended",
        "is_discarding",
        "messages",
        "on_change",
        "window",
    )

    def __init__(
        self,
        limits: Limits,
        stream_id: int,
        give_credit: Callable[[int, int], None],
        account: Callable[[int], None],
        expected_total: int | None = None,
    ) -> None:
        self.window = limits.receive_window
        self.messages: deque[bytes] = deque()
        self.has_ended = False
        self.is_discarding = False
        self.on_change: Callable[[], None] = _ignore
        self._limits = limits
        self._stream_id = stream_id
        self._account = account
        self._held = 0
        self._give_credit = give_credit
        self._expected_total = expected_total
        self._bytes = bytearray()
        self._owed = 0
        self._total = 0
        self._reader: asyncio.Future[None] | None = None

    @property
    def has_expected_length(self) -> bool:
        """Whether as much came as the request's content-length announced; before the end, whether not more did."""
        if self._expected_total is None:
            return True
        return self._total == self._expected_total if self.has_ended else self._total <= self._expected_total

    def feed(self, data: bytes, size: int) -> None:
        """Take the bytes of a DATA frame, which was `size` bytes long with its padding.

        Raises:
            CallFailed: A message is compressed, or announces more bytes than a message may have.
        """
        self.window -= size
        self._owed += size
        self._total += len(data)
        if not self.is_discarding:
            self._bytes += data
            self._keep(len(data))
            self._split()
        self._settle_credit()

    def end(self) -> None:
        """Note that nothing more comes. Raises CallFailed if a message is incomplete."""
        self.has_ended = True
        if self._bytes:
            raise CallFailed(code_pb2.INTERNAL, "the request ended within a message")
        self._changed()

    def discard(self) -> None:
        """Drop what is here and what is still to come."""
        self.is_discarding = True
        self._bytes = bytearray()
        self.messages.clear()
        self._keep(-self._held)
        self._settle_credit()

    def close(self) -> None:
        """Drop what is here: the stream is gone. Who waits for a message gets none."""
        self.has_ended = True
        self.on_change = _ignore
        self.discard()
        self._changed()

    def take(self) -> bytes:
        """Return the oldest message, of which there must be one."""
        message = self.messages.popleft()
        self._keep(-len(message) - _PREFIX_BYTES)
        self._settle_credit()
        return message

    async def read(self) -> bytes | None:
        """Wait for the next message and return it; None after the last."""
        while not self.messages:
            if self.has_ended:
                return None
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        return self.take()

    def _split(self) -> None:
        """Move complete messages out of the bytes."""
        buffer = self._bytes
        while len(buffer) >= _PREFIX_BYTES and not self.is_discarding:
            if buffer[0]:
                raise CallFailed(code_pb2.INTERNAL, "a message is compressed, but no grpc-encoding was announced")
            length = int.from_bytes(buffer[1:_PREFIX_BYTES], "big")
            if length > self._limits.max_message_bytes:
                raise CallFailed(
                    code_pb2.RESOURCE_EXHAUSTED,
                    f"a message of {length} bytes is larger than {self._limits.max_message_bytes}",
                )
            if len(buffer) < _PREFIX_BYTES + length:
                return
            self.messages.append(bytes(buffer[_PREFIX_BYTES : _PREFIX_BYTES + length]))
            del buffer[: _PREFIX_BYTES + length]
            self._changed()

    def _settle_credit(self) -> None:
        """Give back what is owed, if the reader keeps up and it is worth a frame."""
        if self.has_ended or len(self.messages) > self._limits.max_unread_messages:
            return
        if self._owed * 2 >= self._limits.receive_window:
            credit, self._owed = self._owed, 0
            self.window += credit
            self._give_credit(self._stream_id, credit)

    def _keep(self, change: int) -> None:
        self._held += change
        self._account(change)

    def _changed(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)
        self.on_change()


def _ignore() -> None:
    """Stand in for `on_change` until it is set."""
