"""The gate of streams: how many may be open at once, and who must first read what it has."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

from ticker_server.errors import LimitExceeded, ServerDraining

__all__ = ["Passage", "StreamGate"]

_MAX_UNREAD = 32
"""So many ended streams may wait for the reader at the other end of one connection; then it gets no new ones."""

_RETRY_AFTER = timedelta(seconds=1)


class StreamGate:
    """Counts streams from their begin until their status is out, which a reader that does not read can hold up.

    A stream is `unread` from when the server has ended it until then. Nothing but the transport's own state is kept of
    it, and nothing but its reader or the end of its connection can remove that; so a connection that lets them pile up
    is refused further ones.
    """

    def __init__(self, limit: int, *, max_unread: int = _MAX_UNREAD) -> None:
        self.limit = limit
        self.open = 0
        self.draining = False
        self._max_unread = max_unread
        self._unread: Counter[str] = Counter()

    @property
    def unread(self) -> int:
        """How many streams were ended and wait for their readers to take that."""
        return self._unread.total()

    def enter(self, peer: str) -> Passage:
        """Count a stream of a peer (the address of its connection), admitted or not, until it leaves."""
        self.open += 1
        return Passage(self, peer)

    def check(self, peer: str) -> None:
        """Refuse the stream that was counted last, if it is one too many or comes too late."""
        if self.draining:
            raise ServerDraining
        if self.open > self.limit:
            raise LimitExceeded(
                "STREAM_LIMIT",
                "server",
                f"this server has at most {self.limit} open watches; close some or try another",
                retry_after=_RETRY_AFTER,
            )
        if self._unread[peer] > self._max_unread:
            raise LimitExceeded(
                "STREAM_LIMIT",
                "connection",
                f"{self._unread[peer]} watches of this connection have ended and were not read to their end; "
                "read or cancel them first",
                retry_after=_RETRY_AFTER,
            )

    def note_unread(self, peer: str) -> None:
        """Note that a stream was ended; its reader has yet to take that."""
        self._unread[peer] += 1

    def leave(self, peer: str, *, was_unread: bool) -> None:
        """Forget a stream: its status is out, or its reader is gone."""
        self.open -= 1
        if was_unread:
            self._unread[peer] -= 1
            if not self._unread[peer]:
                del self._unread[peer]


class Passage:
    """One stream on its way through the gate."""

    def __init__(self, gate: StreamGate, peer: str) -> None:
        self._gate = gate
        self._peer = peer
        self._has_ended = False

    def check(self) -> None:
        """Refuse the stream if it may not be opened. Raises LimitExceeded or ServerDraining."""
        self._gate.check(self._peer)

    def end(self) -> None:
        """Note that the server has ended the stream."""
        if not self._has_ended:
            self._has_ended = True
            self._gate.note_unread(self._peer)

    def leave(self) -> None:
        """Note that the stream is over on both sides."""
        self._gate.leave(self._peer, was_unread=self._has_ended)
