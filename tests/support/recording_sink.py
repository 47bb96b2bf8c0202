"""A reader for tests: it keeps every message, and reads only as fast as the test lets it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ticker.v1 import watch_service_pb2

from ticker_server.errors import TickerError

MAX_MESSAGE_BYTES = 256 * 1024


class RecordingSink:
    """Implements ticker_server.fanout.sink.Sink; breaks at once if its rules are broken.

    `messages` are those sent so far, parsed; `sizes` their bytes. `ended` tells whether the stream was ended, with
    `error`.
    """

    def __init__(self, on_message: Callable[[watch_service_pb2.WatchStocksResponse], None] | None = None) -> None:
        self.messages: list[watch_service_pb2.WatchStocksResponse] = []
        self.sizes: list[int] = []
        self.ended = False
        self.error: TickerError | None = None
        self.on_writable: Callable[[], None] = lambda: None
        self._room: int | None = None
        self._on_message = on_message

    @property
    def writable(self) -> bool:
        """Whether the reader takes a message now."""
        return not self.ended and self._room != 0

    def send(self, parts: Sequence[bytes]) -> None:
        """Take one message."""
        assert self.writable
        if self._room is not None:
            self._room -= 1
        self._keep(b"".join(parts))

    def end(self, error: TickerError | None, last: Sequence[bytes] = ()) -> None:
        """End the stream; only the first call counts. The last message is taken also while the reader stalls."""
        if not self.ended:
            if last:
                self._keep(b"".join(last))
            self.ended, self.error = True, error

    def stall(self) -> None:
        """Read nothing from now on."""
        self._room = 0

    def release(self, messages: int | None = None) -> None:
        """Read again: so many messages, then stall; without a number all."""
        self._room = messages
        if not self.ended:
            self.on_writable()

    def take(self) -> list[watch_service_pb2.WatchStocksResponse]:
        """Return the messages since the last call."""
        taken, self.messages = self.messages, []
        return taken

    def updates(self) -> list[tuple[str, int]]:
        """Return stock and tick number of each update of `take`."""
        return [(update.stock_id, update.tick_number) for message in self.take() for update in message.updates]

    def _keep(self, data: bytes) -> None:
        assert 0 < len(data) <= MAX_MESSAGE_BYTES
        message = watch_service_pb2.WatchStocksResponse.FromString(data)
        self.sizes.append(len(data))
        self.messages.append(message)
        if self._on_message is not None:
            self._on_message(message)
