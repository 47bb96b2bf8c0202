"""What a random test of flow control plays in: a server, one connection of many streams, and what must be true of them."""

from __future__ import annotations

from collections.abc import Sequence

from tests.support.http2.enforcing_client import EnforcingClient, Stream
from tests.support.http2.memory_link import MemoryLink
from tests.support.http2.newest_wins import NewestWins
from tests.support.http2.numbered_messages import number_of, numbered, split
from tests.support.http2.push_methods import WATCH, Pushes

__all__ = ["FlowWorld"]

AMPLE = 200_000
_MOST_ROUNDS = 100


class FlowWorld:
    """One connection. Each method is a thing that may happen; nothing reaches the other side before it is carried."""

    def __init__(self, pushes: Pushes, link: MemoryLink[EnforcingClient], most_streams: int) -> None:
        self.pushes = pushes
        self.link = link
        self._most_streams = most_streams
        self.streams: list[Stream] = []
        self._number = 0
        self._checked: dict[Stream, list[int]] = {}

    def open(self) -> None:
        """Open a watch, if there are not many."""
        if sum(not stream.over for stream in self.streams) < self._most_streams:
            self.streams.append(self.link.client.open(WATCH, message=str(len(self.streams)).encode()))

    def publish(self, size: int, cuts: Sequence[int], picks: int) -> None:
        """Offer a message to the watches whose bits are set."""
        self._number += 1
        pieces = split(numbered(self._number, size), cuts)
        # A message in a tuple cannot change, so what it looks like on the wire may be shared.
        parts = tuple(pieces) if self._number % 2 else pieces
        for number, stream in enumerate(self.streams):
            watch = self.watch_of(stream)
            if watch is not None and picks >> number & 1:
                watch.offer(self._number, parts)

    def credit(self, pick: int, amount: int) -> None:
        """Give credit to a stream."""
        if self.streams:
            self.link.client.credit(amount, self._picked(pick))

    def credit_connection(self, amount: int) -> None:
        """Give credit to the connection."""
        self.link.client.credit(amount)

    def set(self, initial_window: int, max_frame: int) -> None:
        """Change the windows of all streams."""
        self.link.client.set(initial_window=initial_window, max_frame=max_frame)

    def reset(self, pick: int) -> None:
        """Cancel a watch."""
        if self.streams:
            self.link.client.reset(self._picked(pick))

    def end(self, pick: int, size: int) -> None:
        """Let the server end a watch, with a last message if it has a size."""
        watch = self.watch_of(self._picked(pick)) if self.streams else None
        if watch is not None:
            self._number += 1
            watch.end(
                None, self._number if size else 0, split(numbered(self._number, size), [size // 2]) if size else ()
            )

    def stop(self, room: int = 0) -> None:
        """Let the network take so many bytes of the server more, then nothing."""
        self.link.transport.stop(room)

    def flow(self) -> None:
        """Let the network take what waits, and all that comes."""
        self.link.transport.flow()

    async def carry_to_server(self, count: int) -> None:
        """Carry up to so many bytes to the server, and let it work."""
        await self.link.carry_to_server(count)

    def carry_to_client(self, count: int) -> None:
        """Carry up to so many bytes to the client."""
        self.link.carry_to_client(count)

    async def settle(self) -> None:
        """Carry everything, then look whether all is as it must be."""
        await self.link.settle()
        self.check()

    async def come_to_the_end(self) -> None:
        """Give credit until nothing is left to send; the newest is there, and after the last byte all is let go."""
        self.link.transport.flow()
        await self.settle()
        self.set(AMPLE, 16_384)
        for stream in self.streams:
            self.link.client.credit(AMPLE, stream)
        for _ in range(_MOST_ROUNDS):
            if not self._outstanding():
                break
            self.link.client.credit(AMPLE)
            for stream in self.streams:
                self.link.client.credit(AMPLE, stream)
            await self.settle()
        assert not self._outstanding(), "messages wait although there is credit"
        self.link.transport.close()
        await self.link.settle()
        assert not self.pushes.open, "a watch is not closed although its connection is gone"
        self._check_no_fault()

    def watch_of(self, stream: Stream) -> NewestWins | None:
        """Return the server's side of a stream, None before it is open."""
        return self.pushes.by_key.get(str(self.streams.index(stream)).encode())

    def check(self) -> None:
        """Look at every stream, when nothing is on its way."""
        self._check_no_fault()
        assert self.link.client.terminated is None
        assert not self.link.transport.is_closing()
        for stream in self.streams:
            watch = self.watch_of(stream)
            if watch is not None:
                self._check_stream(stream, watch)
            else:
                assert stream.cancelled or self.link.transport.unread, "a watch was not opened"

    def _check_stream(self, stream: Stream, watch: NewestWins) -> None:
        got = self._numbers(stream)
        assert watch.sent[: len(got)] == got, "out of order, twice or left out"
        assert stream.reset is None
        if stream.cancelled:
            assert watch.closed or self.link.transport.unread, "a watch is not closed although its stream was reset"
            return
        if not self.link.transport.flowing:
            return
        if watch.ended:
            assert len(watch.sent) - len(got) <= 2, "more than what was half sent and the last message"
            assert stream.ended == (got == watch.sent), "an end that waits for nothing, or comes too early"
            assert stream.status in {None, 0}
        else:
            assert len(watch.sent) - len(got) <= 1, "more than one message is half sent"
        if not stream.over and self.link.client.window(stream) > 0:
            assert got == watch.sent, "bytes wait although both windows are open"
            assert not watch.is_awaiting, "on_writable has not come although both windows are open"
            assert watch.ended or not watch.offered or got[-1] == watch.offered, "the newest has not come"

    def _check_no_fault(self) -> None:
        faults = self.pushes.faults + [fault for watch in self.pushes.by_key.values() for fault in watch.faults]
        assert not faults
        if self.link.errors:
            raise self.link.errors[0]

    def _outstanding(self) -> bool:
        return any(
            not stream.over and watch is not None and (watch.is_awaiting or watch.sent != self._numbers(stream))
            for stream in self.streams
            for watch in (self.watch_of(stream),)
        )

    def _numbers(self, stream: Stream) -> list[int]:
        """Return the numbers of what came, each message looked at once."""
        checked = self._checked.setdefault(stream, [])
        checked += [number_of(message) for message in stream.messages[len(checked) :]]
        return checked

    def _picked(self, pick: int) -> Stream:
        return self.streams[pick % len(self.streams)]
