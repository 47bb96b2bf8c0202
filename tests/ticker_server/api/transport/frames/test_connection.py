"""One connection on a fake transport: its pauses, its deadlines, its end."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.support.frames_rig import ConnectionRig
from tests.support.http2_client import frame, grpc_message
from ticker_server.api.transport.frames.frame import DATA, HEADERS, LARGEST_ID, PREFACE, ErrorCode
from ticker_server.api.transport.frames.limits import Limits
from ticker_server.api.transport.frames.stream import Stream

UNAVAILABLE = "14"


def begun(limits: Limits | None = None, settings: dict[int, int] | None = None, **transport: Any) -> ConnectionRig:
    """Return a connection whose settings were exchanged."""
    rig = ConnectionRig(limits, **transport)
    rig.begin(settings)
    return rig


def opened(rig: ConnectionRig, number: int = 1) -> Stream:
    """Open a stream whose request has ended, with the headers of the answer out."""
    rig.receive(rig.client.request(number, ends=True))
    stream = rig.requests[-1][0]
    stream.send_headers()
    rig.said()
    return stream


# The begin.


def test_connection_begins_with_the_settings() -> None:
    """The server says its settings at once, without waiting for the peer, and sets the limits of the transport."""
    rig = ConnectionRig(Limits(write_high=1_000, write_low=100))
    rig.connection.connection_made(rig.transport)

    assert [said[0] for said in rig.said()] == ["SETTINGS", "CREDIT"]
    assert (rig.transport.high, rig.transport.low) == (1_000, 100)


@pytest.mark.parametrize(
    ("address", "name"),
    [
        (("192.0.2.7", 4711), "ipv4:192.0.2.7:4711"),
        (("2001:db8::7", 4711, 0, 0), "ipv6:%5B2001:db8::7%5D:4711"),
        (None, "unknown"),
    ],
)
def test_peer_is_named_as_grpc_does(address: Any, name: str) -> None:
    """Who asks is told by its address, written as gRPC writes it."""
    rig = begun(extra={"peername": address})
    rig.receive(rig.client.request(1), rig.client.request(3))

    assert [peer for _, _, peer in rig.requests] == [name, name]


class Secured:
    """What a secure transport tells of its handshake."""

    def __init__(self, protocol: str | None) -> None:
        self._protocol = protocol

    def selected_alpn_protocol(self) -> str | None:
        """Return what the two have agreed on."""
        return self._protocol


@pytest.mark.parametrize("protocol", [None, "http/1.1"])
def test_secure_peer_must_have_agreed_on_h2(protocol: str | None) -> None:
    """A secure peer that did not ask for h2 is cut without a word (RFC 9113, section 3.2)."""
    rig = ConnectionRig(extra={"ssl_object": Secured(protocol)})
    rig.connection.connection_made(rig.transport)

    assert rig.transport.was_aborted
    assert not rig.said()


def test_secure_peer_that_agreed_on_h2_is_served() -> None:
    """A secure peer that asked for h2 is greeted."""
    rig = ConnectionRig(extra={"ssl_object": Secured("h2")})
    rig.connection.connection_made(rig.transport)

    assert [said[0] for said in rig.said()] == ["SETTINGS", "CREDIT"]


# Pauses.


def test_turn_that_leaves_frames_pauses_the_reading() -> None:
    """While frames of one read are left for other turns, nothing more is read; afterwards it is."""
    rig = begun(Limits(requests_per_turn=2))
    rig.receive(*(rig.client.request(number) for number in (1, 3, 5, 7, 9)))
    seen = [(len(rig.requests), rig.transport.is_paused)]
    while rig.turns.calls:
        rig.turns.turn()
        seen.append((len(rig.requests), rig.transport.is_paused))

    assert seen[:3] == [(2, True), (4, True), (5, False)]
    assert rig.transport.pauses == 1


def test_slow_reader_pauses_the_reading() -> None:
    """While the peer does not read what there is, nothing is read from it, and no stream may send."""
    rig = begun(Limits(write_high=1_000, write_low=100), {4: 100_000})
    stream = opened(rig)
    rig.transport.stuck = True
    stream.send((b"x" * 2_000,))
    rig.said()
    assert rig.transport.is_paused
    assert not stream.writable
    called: list[bool] = []
    stream.on_writable = lambda: called.append(stream.writable)
    rig.transport.drain()
    assert not called
    rig.said()

    assert called == [True]
    assert not rig.transport.is_paused


@pytest.mark.parametrize("first", ["turn", "output"])
def test_two_reasons_to_pause_are_two(first: str) -> None:
    """Reading goes on when neither frames are left nor output waits, whichever ends first."""
    rig = begun(Limits(requests_per_turn=1, write_high=1_000))
    rig.transport.stuck = True
    rig.connection.pause_writing()
    rig.receive(rig.client.request(1), rig.client.request(3))
    assert rig.transport.is_paused

    (rig.turns.turn_until_idle if first == "turn" else rig.connection.resume_writing)()
    assert rig.transport.is_paused
    (rig.connection.resume_writing if first == "turn" else rig.turns.turn_until_idle)()

    assert not rig.transport.is_paused
    assert len(rig.requests) == 2


def test_frames_are_taken_in_order_across_turns() -> None:
    """What is read while frames are left, which a transport may still deliver, comes behind those."""
    rig = begun(Limits(requests_per_turn=1))
    rig.receive(rig.client.request(1), rig.client.request(3))
    rig.receive(rig.client.request(5))
    rig.said()

    assert [stream.id for stream, _, _ in rig.requests] == [1, 3, 5]
    assert not rig.transport.is_paused


# Deadlines.


async def test_slow_preface_ends_the_connection() -> None:
    """A peer that does not begin in time is let go, however it dribbles."""
    rig = ConnectionRig(Limits(preface_seconds=10, keepalive_seconds=1_000))
    rig.connection.connection_made(rig.transport)
    rig.said()
    for byte in PREFACE[:9]:
        rig.now += 1
        rig.receive(bytes((byte,)))
        rig.connection.look()
    assert not rig.said()
    rig.now += 1
    rig.connection.look()

    ((kind, last, code, _),) = rig.said()
    assert (kind, last, code) == ("GOAWAY", 0, "ENHANCE_YOUR_CALM")
    assert rig.transport.has_eof


async def test_unfinished_header_block_ends_the_connection() -> None:
    """A header block must be complete in time; one that is may be followed by another that has as much time."""
    rig = begun(Limits(header_block_seconds=10, keepalive_seconds=1_000))
    block = rig.client.request(1)[9:]
    for number in (1, 3):
        rig.receive(frame(HEADERS, 0, number, block))
        rig.now += 9
        rig.connection.look()
        rig.receive(frame(9, 4, number))
        rig.now += 5
        rig.connection.look()
    assert not rig.said()
    rig.receive(frame(HEADERS, 0, 5, block))
    rig.now += 10
    rig.connection.look()

    assert rig.said()[-1][::2] == ("GOAWAY", "ENHANCE_YOUR_CALM")


KEEPALIVE = Limits(keepalive_seconds=15, keepalive_timeout=10)


def asked(rig: ConnectionRig) -> bytes:
    """Let a silent connection be looked at, and return the PING that asks for a sign of life."""
    rig.now += 15
    rig.connection.look()
    ((kind, payload),) = rig.said()
    assert kind == "PING"
    return bytes(payload)


def test_silent_peer_is_asked_and_cut() -> None:
    """A peer that says nothing for long is asked once, and cut if it does not answer."""
    rig = begun(KEEPALIVE)
    rig.now += 14.9
    rig.connection.look()
    assert not rig.said()
    rig.now -= 14.9
    asked(rig)
    rig.now += 9
    rig.connection.look()
    assert not rig.said()
    assert not rig.transport.was_aborted
    rig.now += 1
    rig.connection.look()

    assert rig.transport.was_aborted


def test_peer_that_answers_is_kept() -> None:
    """A peer that gives signs of life is asked again and again, and kept."""
    rig = begun(KEEPALIVE)
    for _ in range(5):
        payload = asked(rig)
        rig.now += 9
        rig.receive(rig.client.ping(payload, ack=True))
        rig.connection.look()

    assert not rig.transport.was_aborted


def test_answer_within_the_tick_of_the_clock_counts() -> None:
    """An answer that comes before the clock has moved is an answer: that of uvloop moves once in a millisecond."""
    rig = begun(KEEPALIVE)
    for _ in range(3):
        rig.receive(rig.client.ping(asked(rig), ack=True))
        rig.now += 11
        rig.connection.look()
        assert not rig.transport.was_aborted


def test_reader_that_does_not_read_is_not_asked() -> None:
    """Whoever does not read what there is cannot be heard either; TCP judges whether it is alive."""
    rig = begun(KEEPALIVE)
    rig.connection.pause_writing()
    for _ in range(10):
        rig.now += 15
        rig.connection.look()

    assert not rig.said()
    assert not rig.transport.was_aborted


@pytest.mark.parametrize("is_congested", [False, True])
def test_end_that_nobody_reads_is_cut(*, is_congested: bool) -> None:
    """A stream that was ended behind a message that nobody reads is reset after a while, and its owner hears of it."""
    rig = begun(Limits(linger_seconds=60, keepalive_seconds=1_000), {4: 10})
    stream, gone = opened(rig), []
    stream.on_gone = lambda: gone.append(stream.id)
    stream.send((b"x" * 100,))
    stream.end(None)
    rig.said()
    if is_congested:
        rig.connection.pause_writing()
    rig.now += 59
    rig.connection.look()
    assert not gone
    rig.now += 1
    rig.connection.look()

    assert gone == [1]
    assert rig.said() == [("RST", 1, "CANCEL")]
    assert rig.connection.open_streams == 0


# The end.


async def test_fault_is_told_and_ends_the_connection() -> None:
    """A fault is told by GOAWAY with the last stream; then the server says no more, and reads without listening."""
    rig = begun()
    opened(rig, 7)
    rig.receive(frame(DATA, 0, 0, b"x") + rig.client.ping())

    assert rig.said() == [("GOAWAY", 7, "PROTOCOL_ERROR", "DATA on stream 0")]
    assert rig.transport.has_eof
    assert not rig.transport.is_paused
    rig.receive(rig.client.ping(), rig.client.request(9), b"junk")
    assert not rig.said()
    assert len(rig.requests) == 1


async def test_fault_lets_go_of_all_streams() -> None:
    """When a connection ends, its streams are let go of, each once."""
    rig = begun()
    gone: list[int] = []
    for number in (1, 3, 5):
        opened(rig, number).on_gone = lambda number=number: gone.append(number)
    rig.connection.close(ErrorCode.INTERNAL_ERROR, "no")
    rig.said()
    rig.lose()

    assert sorted(gone) == [1, 3, 5]
    assert rig.lost
    assert rig.connection.open_streams == 0


async def test_socket_is_closed_though_the_peer_does_not() -> None:
    """A peer that does not close after the last word is cut after a second."""
    rig = begun(Limits(close_seconds=0.01))
    ended = asyncio.get_running_loop().create_future()
    rig.transport.on_end = lambda: ended.set_result(None)
    rig.connection.close(ErrorCode.NO_ERROR)
    assert not rig.transport.is_closing()

    await asyncio.wait_for(ended, 10)

    assert rig.transport.was_aborted


async def test_secure_transport_is_closed_as_a_whole() -> None:
    """TLS cannot close one direction alone; the transport sends what there is and closes."""
    rig = begun(half_closes=False)
    rig.connection.close(ErrorCode.NO_ERROR, "bye")

    assert rig.said() == [("GOAWAY", 0, "NO_ERROR", "bye")]
    assert rig.transport.was_closed
    assert not rig.transport.has_eof


async def test_nothing_is_written_behind_the_end() -> None:
    """What a watch or a stream still says in the turn in which the connection ends is dropped."""
    rig = begun()
    first, second = opened(rig, 1), opened(rig, 3)
    rig.connection.close(ErrorCode.NO_ERROR)
    rig.heard()
    assert not first.writable
    first.end(None)
    second.reset()
    rig.connection.close(ErrorCode.INTERNAL_ERROR)
    rig.connection.drain()
    rig.connection.say_last()
    rig.connection.look()

    assert not rig.said()


def test_lost_connection_lets_go_of_its_streams_in_slices() -> None:
    """A connection with thousands of streams is let go of over several turns, and says at once that it is gone."""
    rig = begun(Limits(requests_per_turn=5_000, frames_per_turn=5_000))
    rig.receive(*(rig.client.request(number) for number in range(1, 2_401, 2)))
    assert rig.connection.open_streams == 1_200
    rig.lose()
    left = [rig.connection.open_streams]
    assert rig.lost
    while rig.turns.calls:
        rig.turns.turn()
        left.append(rig.connection.open_streams)

    assert left[0] >= 700
    assert left[-1] == 0
    assert len(left) >= 3


def test_abort_is_at_once() -> None:
    """An abort says nothing."""
    rig = begun()
    rig.connection.abort()

    assert rig.transport.was_aborted
    assert not rig.said()


# The drain.


async def test_drain_in_full() -> None:
    """GOAWAY of all and PING; its answer, GOAWAY of the last stream; the last stream, and the end."""
    rig = begun()
    stream = opened(rig, 1)
    rig.connection.drain()
    (goaway, (_, payload)) = rig.said()
    assert goaway == ("GOAWAY", LARGEST_ID, "NO_ERROR", "")

    # What the peer had sent before it knew is answered.
    late = opened(rig, 3)
    rig.receive(rig.client.ping(payload, ack=True))
    assert rig.said() == [("GOAWAY", 3, "NO_ERROR", "")]
    rig.receive(rig.client.request(5, ends=True))
    stream.send((b"a",))
    stream.end(None)
    late.end(None)

    assert [said[:2] for said in rig.said()] == [("DATA", 1), ("HEADERS", 1), ("HEADERS", 3)]
    assert rig.transport.has_eof
    assert [stream.id for stream, _, _ in rig.requests] == [1, 3]


async def test_drain_of_an_idle_connection_ends_with_the_answer() -> None:
    """A connection without streams ends as soon as the peer has answered."""
    rig = begun()
    rig.connection.drain()
    payload = rig.said()[-1][1]
    assert not rig.transport.has_eof
    rig.receive(rig.client.ping(payload, ack=True), rig.client.ping())

    assert rig.said() == [("GOAWAY", 0, "NO_ERROR", "")]
    assert rig.transport.has_eof


async def test_last_word_is_said_once() -> None:
    """Whoever is told twice to say its last word says it once, and none before the drain's answer to another PING."""
    rig = begun()
    opened(rig)
    rig.connection.drain()
    rig.said()
    rig.receive(rig.client.ping(b"another!", ack=True))
    assert not rig.said()
    rig.connection.say_last()
    rig.connection.say_last()

    assert rig.said() == [("GOAWAY", 1, "NO_ERROR", "")]


async def test_last_stream_is_never_raised() -> None:
    """A fault after the last word names no later stream than that: those were not processed (RFC 9113, section 6.8)."""
    rig = begun()
    opened(rig, 3)
    rig.connection.drain()
    rig.connection.say_last()
    rig.said()
    rig.receive(rig.client.request(5, ends=True), frame(DATA, 0, 0, b"x"))

    assert rig.said() == [("GOAWAY", 3, "PROTOCOL_ERROR", "DATA on stream 0")]


async def test_streams_behind_the_last_word_are_ignored() -> None:
    """What comes on streams that will not be processed is dropped, and the header table stays in step."""
    rig = begun()
    stream = opened(rig, 1)
    rig.connection.drain()
    rig.connection.say_last()
    rig.said()
    more = ("x-new", "value")
    rig.receive(rig.client.request(3, "/test.Test/Unary", more), rig.client.message(3, b"a", ends=True))
    rig.receive(rig.client.credit(3, 5), rig.client.reset(3), rig.client.headers(1, [more], ends=True))

    assert rig.said() == [("RST", 1, "STREAM_CLOSED")]
    assert stream.is_over
    assert rig.transport.has_eof


async def test_stop_ends_streams_with_unavailable() -> None:
    """Streams that are left when the grace is over end with UNAVAILABLE, those that wait for their reader cannot."""
    rig = begun(settings={4: 20})
    first, second = opened(rig, 1), opened(rig, 3)
    second.send((b"x" * 100,))
    rig.connection.drain()
    rig.connection.say_last()
    rig.said()
    rig.connection.stop()
    (said,) = rig.said()

    assert said[:2] == ("HEADERS", 1)
    assert said[2]["grpc-status"] == UNAVAILABLE
    assert said[3]
    assert rig.transport.has_eof
    assert first.is_over
    assert second.is_over


async def test_stop_without_a_drain_says_goaway() -> None:
    """A connection that is stopped at once says GOAWAY too, behind the last answers."""
    rig = begun()
    opened(rig, 5)
    rig.connection.stop()

    assert [said[:2] for said in rig.said()] == [("HEADERS", 5), ("GOAWAY", 5)]


async def test_last_stream_may_end_in_the_middle_of_a_read() -> None:
    """When the peer resets the last stream of a drain and goes on talking, the connection ends in good order."""
    rig = begun()
    opened(rig, 1)
    rig.connection.drain()
    rig.connection.say_last()
    rig.said()
    rig.receive(rig.client.reset(1), rig.client.ping(), rig.client.settings(), rig.client.request(3))

    assert not rig.said()
    assert rig.transport.has_eof


def test_answer_leaves_in_one_write() -> None:
    """All that is said in a turn is one write, however many streams say it."""
    rig = begun()
    streams = [opened(rig, number) for number in (1, 3, 5)]
    for stream in streams:
        stream.send((b"a",))
        stream.end(None)
    assert not rig.transport.writes
    rig.turns.turn()

    assert len(rig.transport.writes) == 1
    assert rig.said()[0] == ("DATA", 1, grpc_message(b"a"), False)


# The socket itself.


class FakeSocket:
    """A socket that takes so many bytes at a time, then nothing."""

    def __init__(self, *takes: int, error: OSError | None = None) -> None:
        self.sent = b""
        self._takes = list(takes)
        self._error = error or BlockingIOError()

    def send(self, data: bytes) -> int:
        """Take some bytes, or none."""
        if not self._takes:
            raise self._error
        taken = data[: self._takes.pop(0)]
        self.sent += taken
        return len(taken)


def test_socket_is_written_to_while_nothing_waits() -> None:
    """What the socket takes goes there; the rest, and all behind it, goes through the transport until that is empty."""
    rig = begun(Limits(write_high=10**6))
    plain = FakeSocket(1_000, 7, 1_000)
    rig.connection.write_to(plain)  # type: ignore[arg-type]
    rig.transport.stuck = True
    for number in range(4):
        rig.now += 5
        rig.receive(rig.client.ping(b"ping   %d" % number))
        rig.turns.turn_until_idle()
    frames = [b"\0\0\x08\6\1\0\0\0\0ping   %d" % number for number in range(4)]
    assert plain.sent == frames[0] + frames[1][:7]
    assert rig.transport.writes == [frames[1][7:], frames[2], frames[3]]

    rig.transport.drain()
    rig.transport.writes.clear()
    rig.receive(rig.client.settings())
    rig.turns.turn_until_idle()
    assert plain.sent.endswith(b"\0\0\0\4\1\0\0\0\0")
    rig.receive(rig.client.settings())

    assert rig.said() == [("SETTINGS ACK",)]


def test_broken_socket_is_the_transports_trouble() -> None:
    """A socket that fails has what there was to say handed to the transport, which finds out why."""
    rig = begun()

    rig.connection.write_to(FakeSocket(error=BrokenPipeError()))  # type: ignore[arg-type]
    rig.receive(rig.client.ping())
    assert rig.said() == [("PING ACK", b"12345678")]
    rig.lose(BrokenPipeError())
    rig.connection.drain()

    assert not rig.said()
