"""HTTP/2 on one connection: what each frame does, and what must not come."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.frames_rig import Http2Rig
from tests.support.http2_client import Http2Client, frame, grpc_message
from ticker_server.api.transport.frames.fault import Fault
from ticker_server.api.transport.frames.frame import (
    ACK,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HAS_PRIORITY,
    HEADERS,
    PADDED,
    PING,
    PREFACE,
    PRIORITY,
    PUSH_PROMISE,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
)
from ticker_server.api.transport.frames.limits import Allowance, Limits

LARGEST = 2**31 - 1


def begun(limits: Limits | None = None, settings: dict[int, int] | None = None) -> Http2Rig:
    """Return a rig whose settings were exchanged."""
    rig = Http2Rig(limits)
    rig.begin(settings)
    return rig


def fault_of(rig: Http2Rig, *pieces: bytes) -> str:
    """Return the code of the fault that some bytes are."""
    with pytest.raises(Fault) as raised:
        rig.receive(*pieces)
    return raised.value.code.name


# The begin.


def test_settings_are_said_first() -> None:
    """The server says its limits without waiting, and opens the connection's window."""
    rig = Http2Rig(Limits(max_streams=7, receive_window=300_000, max_header_list=5_000, connection_window=1_000_000))
    rig.http2.begin()

    assert rig.said() == [("SETTINGS", {3: 7, 4: 300_000, 6: 5_000}), ("CREDIT", 0, 1_000_000 - 65_535)]


def test_window_of_the_connection_is_never_given_credit_of_nothing() -> None:
    """A connection window of the protocol's own size needs no credit, and WINDOW_UPDATE of nothing would be an error."""
    rig = Http2Rig(Limits(connection_window=65_535))
    rig.http2.begin()

    assert [said[0] for said in rig.said()] == ["SETTINGS"]


def test_preface_may_come_byte_by_byte() -> None:
    """The peer's preface and its first SETTINGS may come in any pieces."""
    rig = Http2Rig()
    rig.http2.begin()
    rig.said()
    for byte in rig.client.hello({4: 100}):
        assert not rig.http2.is_settled or rig.http2.has_preface
        rig.receive(bytes((byte,)))

    assert rig.http2.is_settled
    assert rig.said() == [("SETTINGS ACK",)]


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01",
        PREFACE[:-1] + b"x",
        PREFACE + frame(PING, 0, 0, b"12345678"),
        PREFACE + frame(SETTINGS, ACK, 0),
        PREFACE + frame(HEADERS, END_HEADERS, 1, b""),
    ],
)
def test_what_does_not_begin_as_http2_is_a_fault(data: bytes) -> None:
    """A peer that does not begin with the preface and SETTINGS is no client of HTTP/2 (RFC 9113, section 3.4)."""
    assert fault_of(Http2Rig(), data) == "PROTOCOL_ERROR"


# Connection errors.

REQUEST = Http2Client().request(1)
FAULTS: dict[str, tuple[str, bytes]] = {
    "frame too long": ("FRAME_SIZE_ERROR", frame(DATA, 0, 1, b"x" * 16_385)),
    "DATA on stream 0": ("PROTOCOL_ERROR", frame(DATA, 0, 0, b"x")),
    "HEADERS on stream 0": ("PROTOCOL_ERROR", frame(HEADERS, END_HEADERS, 0)),
    "PRIORITY on stream 0": ("PROTOCOL_ERROR", frame(PRIORITY, 0, 0, bytes(5))),
    "RST_STREAM on stream 0": ("PROTOCOL_ERROR", frame(RST_STREAM, 0, 0, bytes(4))),
    "CONTINUATION on stream 0": ("PROTOCOL_ERROR", frame(CONTINUATION, END_HEADERS, 0)),
    "SETTINGS on a stream": ("PROTOCOL_ERROR", frame(SETTINGS, 0, 1)),
    "PING on a stream": ("PROTOCOL_ERROR", frame(PING, 0, 1, bytes(8))),
    "GOAWAY on a stream": ("PROTOCOL_ERROR", frame(GOAWAY, 0, 1, bytes(8))),
    "PUSH_PROMISE": ("PROTOCOL_ERROR", frame(PUSH_PROMISE, END_HEADERS, 1, bytes(4))),
    "CONTINUATION without HEADERS": ("PROTOCOL_ERROR", REQUEST + frame(CONTINUATION, END_HEADERS, 1)),
    "DATA within a header block": ("PROTOCOL_ERROR", frame(HEADERS, 0, 1) + frame(DATA, 0, 1, b"x")),
    "PING within a header block": ("PROTOCOL_ERROR", frame(HEADERS, 0, 1) + frame(PING, 0, 0, bytes(8))),
    "unknown frame within a header block": ("PROTOCOL_ERROR", frame(HEADERS, 0, 1) + frame(0xBE, 0, 0)),
    "CONTINUATION of another stream": ("PROTOCOL_ERROR", frame(HEADERS, 0, 1) + frame(CONTINUATION, 4, 3)),
    "even stream": ("PROTOCOL_ERROR", Http2Client().request(2)),
    "DATA on an idle stream": ("PROTOCOL_ERROR", frame(DATA, 0, 5, b"x")),
    "RST_STREAM on an idle stream": ("PROTOCOL_ERROR", frame(RST_STREAM, 0, 5, bytes(4))),
    "WINDOW_UPDATE on an idle stream": ("PROTOCOL_ERROR", frame(WINDOW_UPDATE, 0, 5, b"\0\0\0\1")),
    "WINDOW_UPDATE on an even stream": (
        "PROTOCOL_ERROR",
        Http2Client().request(3) + frame(WINDOW_UPDATE, 0, 2, b"\0\0\0\1"),
    ),
    "WINDOW_UPDATE of five bytes": ("FRAME_SIZE_ERROR", frame(WINDOW_UPDATE, 0, 0, bytes(5))),
    "credit of nothing for the connection": ("PROTOCOL_ERROR", frame(WINDOW_UPDATE, 0, 0, bytes(4))),
    "connection window too large": ("FLOW_CONTROL_ERROR", frame(WINDOW_UPDATE, 0, 0, b"\x7f\xff\xff\xff")),
    "SETTINGS of five bytes": ("FRAME_SIZE_ERROR", frame(SETTINGS, 0, 0, bytes(5))),
    "SETTINGS ACK with settings": ("FRAME_SIZE_ERROR", frame(SETTINGS, ACK, 0, bytes(6))),
    "ENABLE_PUSH of 2": ("PROTOCOL_ERROR", Http2Client().settings({2: 2})),
    "INITIAL_WINDOW_SIZE too large": ("FLOW_CONTROL_ERROR", Http2Client().settings({4: 2**31})),
    "MAX_FRAME_SIZE too small": ("PROTOCOL_ERROR", Http2Client().settings({5: 16_383})),
    "MAX_FRAME_SIZE too large": ("PROTOCOL_ERROR", Http2Client().settings({5: 2**24})),
    "PING of seven bytes": ("FRAME_SIZE_ERROR", frame(PING, 0, 0, bytes(7))),
    "RST_STREAM of five bytes": ("FRAME_SIZE_ERROR", REQUEST + frame(RST_STREAM, 0, 1, bytes(5))),
    "GOAWAY of seven bytes": ("FRAME_SIZE_ERROR", frame(GOAWAY, 0, 0, bytes(7))),
    "DATA all padding": ("PROTOCOL_ERROR", REQUEST + frame(DATA, PADDED, 1, b"\4abc")),
    "DATA without its padding's length": ("PROTOCOL_ERROR", REQUEST + frame(DATA, PADDED, 1)),
    "HEADERS all padding": ("PROTOCOL_ERROR", frame(HEADERS, PADDED | END_HEADERS, 1, b"\1")),
    "HEADERS cut in their priority": ("FRAME_SIZE_ERROR", frame(HEADERS, HAS_PRIORITY | END_HEADERS, 1, bytes(4))),
    "header block that cannot be decoded": ("COMPRESSION_ERROR", frame(HEADERS, END_HEADERS, 1, b"\xff\xff\xff")),
}


@pytest.mark.parametrize("name", FAULTS)
def test_connection_cannot_outlive_it(name: str) -> None:
    """What the RFC calls a connection error ends the connection with its code."""
    code, data = FAULTS[name]
    assert fault_of(begun(), data) == code


def test_initial_window_must_not_make_a_window_too_large() -> None:
    """A change of the initial window that makes any stream's window too large is a connection error (6.9.2)."""
    rig = begun()
    rig.receive(rig.client.request(1), rig.client.credit(1, LARGEST - 65_535))

    assert fault_of(rig, rig.client.settings({4: 65_536})) == "FLOW_CONTROL_ERROR"


def test_headers_on_a_closed_stream_are_a_fault() -> None:
    """A number that was used is not used again, and none below it (RFC 9113, section 5.1.1)."""
    for first, second in ((1, 1), (5, 3)):
        rig = begun()
        rig.receive(rig.client.request(first, ends=True), rig.client.reset(first))

        assert fault_of(rig, rig.client.request(second)) in {"STREAM_CLOSED", "PROTOCOL_ERROR"}


# Stream errors.


def trailers(*fields: tuple[str, str], ends: bool = True) -> bytes:
    """Return a second header block for stream 1."""
    return Http2Client().headers(1, fields, ends=ends)


OPEN = Http2Client().request(1)
ENDED = Http2Client().request(1, ends=True)
STREAM_ERRORS: dict[str, tuple[str, bytes]] = {
    "credit of nothing": ("PROTOCOL_ERROR", OPEN + frame(WINDOW_UPDATE, 0, 1, bytes(4))),
    "window too large": ("FLOW_CONTROL_ERROR", OPEN + frame(WINDOW_UPDATE, 0, 1, b"\x7f\xff\xff\xff")),
    "DATA behind the end": ("STREAM_CLOSED", ENDED + frame(DATA, 0, 1, b"x")),
    "HEADERS behind the end": ("STREAM_CLOSED", ENDED + trailers(("x-a", "1"))),
    "trailers that do not end": ("PROTOCOL_ERROR", OPEN + trailers(("x-a", "1"), ends=False)),
    "pseudo-header in trailers": ("PROTOCOL_ERROR", OPEN + trailers((":path", "/"))),
    "more DATA than the stream's window": ("FLOW_CONTROL_ERROR", OPEN + frame(DATA, 0, 1, bytes(1_001))),
    "malformed request": ("PROTOCOL_ERROR", Http2Client().headers(1, [(":method", "POST")])),
    "stream that depends on itself": (
        "PROTOCOL_ERROR",
        frame(HEADERS, HAS_PRIORITY | END_HEADERS, 1, b"\0\0\0\1\0" + OPEN[9:]),
    ),
    "PRIORITY of four bytes": ("FRAME_SIZE_ERROR", OPEN + frame(PRIORITY, 0, 1, bytes(4))),
    "priority on itself": ("PROTOCOL_ERROR", OPEN + frame(PRIORITY, 0, 1, b"\0\0\0\1\0")),
    "more than content-length": (
        "PROTOCOL_ERROR",
        Http2Client().request(1, "/", ("content-length", "5")) + frame(DATA, 0, 1, grpc_message(b"x")),
    ),
    "less than content-length": (
        "PROTOCOL_ERROR",
        Http2Client().request(1, "/", ("content-length", "7")) + frame(DATA, END_STREAM, 1, grpc_message(b"x")),
    ),
    "nothing instead of content-length": (
        "PROTOCOL_ERROR",
        Http2Client().request(1, "/", ("content-length", "7"), ends=True),
    ),
}


@pytest.mark.parametrize("name", STREAM_ERRORS)
def test_stream_cannot_outlive_it(name: str) -> None:
    """What the RFC calls a stream error resets the stream with its code, and the connection goes on."""
    code, data = STREAM_ERRORS[name]
    rig = begun(Limits(receive_window=1_000))
    rig.receive(data)
    resets = [said for said in rig.said() if said[0] == "RST"]
    rig.receive(frame(PING, 0, 0, bytes(8)))

    assert resets == [("RST", 1, code)]
    assert not rig.http2.streams.open
    assert rig.said() == [("PING ACK", bytes(8))]


# What is fine.


def test_any_pieces_are_the_same() -> None:
    """However a conversation is cut into reads, the server says and sees the same."""
    client = Http2Client()
    conversation = b"".join(
        (
            client.hello({4: 500}),
            client.settings_ack(),
            client.request(1),
            client.message(1, b"abc"),
            client.headers(3, [(":method", "POST"), (":scheme", "http"), (":path", "/x")], cut_at=4),
            client.ping(),
            frame(DATA, PADDED | END_STREAM, 3, b"\2" + grpc_message(b"padded") + bytes(2)),
            client.credit(1, 70),
            client.headers(1, [("x-trailer", "1")], ends=True),
            client.reset(3),
        )
    )

    def outcome(pieces: list[bytes]) -> Any:
        rig = Http2Rig()
        rig.http2.begin()
        for piece in pieces:
            rig.receive(piece)
        first, second = (stream for stream, _ in rig.requests)
        assert first.inbox is not None
        return rig.said(), list(first.inbox.messages), first.window, first.is_half_closed, second.is_over

    whole = outcome([conversation])
    assert whole[1:] == ([b"abc"], 570, True, True)
    for size in (1, 2, 7, 9, 10, 33):
        assert outcome([conversation[start : start + size] for start in range(0, len(conversation), size)]) == whole


def test_settings_are_acknowledged_before_they_are_used() -> None:
    """The acknowledgement of a larger window goes before the DATA that it lets go."""
    rig = begun(settings={4: 0})
    stream = rig.open()
    stream.on_writable = lambda: stream.send((b"new",))
    assert not stream.writable
    rig.receive(rig.client.settings({4: 100}))

    assert rig.said() == [("SETTINGS ACK",), ("DATA", 1, grpc_message(b"new"), False)]


def test_initial_window_is_that_of_all_streams() -> None:
    """A new initial window changes those that are open by the difference, below zero too, and is that of new ones."""
    rig = begun(settings={4: 100})
    first = rig.open(1)
    first.send((b"x" * 55,))
    rig.receive(rig.client.settings({4: 10}))
    second = rig.open(3)
    assert (first.window, second.window) == (-50, 10)
    assert not first.writable
    rig.receive(rig.client.settings({4: 60}))
    assert (first.window, second.window) == (0, 60)
    rig.receive(rig.client.credit(1, 5))
    rig.said()

    assert first.writable
    assert first.window == 5


def test_last_of_several_values_counts() -> None:
    """The settings of one frame are taken in their order (RFC 9113, section 6.5.3)."""
    rig = begun()
    stream = rig.open()
    pairs = [(4, 100), (5, 20_000), (4, 1), (4, 50), (5, 30_000)]
    payload = b"".join(number.to_bytes(2, "big") + value.to_bytes(4, "big") for number, value in pairs)
    rig.receive(frame(SETTINGS, 0, 0, payload))

    assert stream.window == 50
    assert rig.output.max_frame == 30_000
    assert rig.said() == [("SETTINGS ACK",)]


def test_largest_frame_is_the_peers_choice() -> None:
    """A message goes out in one frame where the peer takes frames that long."""
    rig = begun(settings={4: 2**20, 5: 60_000})
    stream = rig.open()
    stream.send((b"x" * 50_000,))

    assert [len(said[2]) for said in rig.said()] == [50_005]


def test_unknown_is_ignored() -> None:
    """Settings, flags and frames that nobody knows change nothing (RFC 9113, section 5.5)."""
    rig = begun()
    rig.receive(
        rig.client.settings({0xABCD: 1, 1: 0, 2: 0, 3: 5, 6: 100}),
        frame(0xFA, 0xFF, 1, b"whatever"),
        frame(PING, 0xFE & ~ACK, 0, b"12345678"),
        frame(GOAWAY, 0, 0, bytes(8) + b"bye"),
        frame(SETTINGS, ACK, 0),
    )

    assert rig.said() == [("SETTINGS ACK",), ("PING ACK", b"12345678")]


def test_reserved_bits_are_ignored() -> None:
    """The highest bit of a stream's number and of a credit means nothing (RFC 9113, section 4.1, 6.9)."""
    rig = begun()
    stream = rig.open()
    rig.receive(frame(WINDOW_UPDATE, 0, 2**31 + 1, (2**31 + 100).to_bytes(4, "big")))

    assert stream.window == 65_635


def test_leaving_peer_gets_its_answers() -> None:
    """After a GOAWAY of the peer its streams go on."""
    rig = begun()
    stream = rig.open()
    rig.receive(rig.client.goaway())
    stream.send((b"a",))

    assert rig.said() == [("DATA", 1, grpc_message(b"a"), False)]


def test_header_block_may_come_in_many_frames() -> None:
    """Until a header block is complete, the peer owes its rest."""
    rig = begun()
    block = REQUEST[9:]
    rig.receive(frame(HEADERS, END_STREAM, 1, block[:5]), frame(CONTINUATION, 0, 1, block[5:9]))
    assert not rig.http2.is_settled
    assert not rig.requests
    rig.receive(frame(CONTINUATION, END_HEADERS, 1, block[9:]))

    assert rig.http2.is_settled
    assert rig.requests[0][0].is_half_closed


def test_headers_may_have_padding_and_priority() -> None:
    """Padding and priority are taken off a header block, and are of no use."""
    rig = begun()
    payload = b"\3" + b"\x80\0\0\7\x10" + REQUEST[9:] + bytes(3)
    rig.receive(frame(HEADERS, PADDED | HAS_PRIORITY | END_HEADERS | END_STREAM, 1, payload))

    assert rig.requests[0][1].path == "/test.Test/Unary"


def test_pong_is_told() -> None:
    """An answer to a PING is told with its bytes, and not answered."""
    rig, told = begun(), []
    rig.http2.on_pong = told.append
    rig.receive(rig.client.ping(b"abcdefgh", ack=True))

    assert told == [b"abcdefgh"]
    assert not rig.said()


# Too much of what is fine.


def test_third_quick_ping_is_too_many() -> None:
    """PINGs that follow each other within five seconds are strikes; two are forgiven."""
    rig = begun()
    rig.receive(rig.client.ping() * 3)
    assert len(rig.said()) == 3
    with pytest.raises(Fault) as raised:
        rig.receive(rig.client.ping())

    assert (raised.value.code.name, raised.value.text) == ("ENHANCE_YOUR_CALM", "too_many_pings")


@pytest.mark.parametrize("said", ["data", "headers"])
def test_ping_after_an_answer_is_no_strike(said: str) -> None:
    """Clients ask when they get DATA or HEADERS: as long as they do, their PINGs are never too many."""
    rig = begun()
    stream = rig.open()
    for number in range(3, 43, 2):
        rig.receive(rig.client.ping() * 3)
        if said == "data":
            stream.send((b"x",))
        else:
            rig.open(number)

    assert fault_of(rig, rig.client.ping() * 4) == "ENHANCE_YOUR_CALM"


def test_slow_pings_are_no_strikes() -> None:
    """PINGs five seconds apart go on for ever."""
    rig = begun()
    for _ in range(20):
        rig.receive(rig.client.ping())
        rig.now += 5.0

    assert len(rig.said()) == 20


def test_requests_of_a_turn_are_limited() -> None:
    """Only so many HEADERS are answered in one turn; the rest waits for the next, and so do frames behind them."""
    rig = begun(Limits(requests_per_turn=2))
    rig.receive(*(rig.client.request(number) for number in (1, 3, 5, 7, 9)), rig.client.ping())
    seen = [len(rig.requests)]
    while rig.http2.has_more:
        assert not rig.said()
        rig.receive(b"")
        seen.append(len(rig.requests))

    assert seen == [2, 4, 5]
    assert rig.said() == [("PING ACK", b"12345678")]


def test_long_header_blocks_take_the_turns_of_many() -> None:
    """Header blocks are work by their length, too: of long ones fewer are taken in one turn."""
    rig = begun(Limits(requests_per_turn=64))
    long = ("x-long", "v" * 7_000)
    rig.receive(*(rig.client.request(number, "/", (long[0], f"{long[1]}{number}")) for number in range(1, 21, 2)))
    seen = [len(rig.requests)]
    while rig.http2.has_more:
        rig.receive(b"")
        seen.append(len(rig.requests))

    assert seen[0] <= 3
    assert seen[-1] == 10


def test_many_headers_take_the_turns_of_many() -> None:
    """A hundred headers of a byte each are work by their number: of such requests fewer are taken in one turn."""
    rig = begun(Limits(requests_per_turn=64))
    many = [("x", "")] * 100
    rig.receive(*(rig.client.request(number, "/", *many) for number in range(1, 61, 2)))
    seen = [len(rig.requests)]
    while rig.http2.has_more:
        rig.receive(b"")
        seen.append(len(rig.requests))

    assert seen[0] <= 10
    assert seen[-1] == 30


def test_frames_of_a_turn_are_limited() -> None:
    """Only so many frames are taken in one turn, whatever they are."""
    rig = begun(Limits(frames_per_turn=3))
    stream = rig.open()
    rig.receive(rig.client.credit(1, 1) * 7, rig.client.credit(1, 1)[:5])
    windows = [stream.window - 65_535]
    while rig.http2.has_more:
        rig.receive(b"")
        windows.append(stream.window - 65_535)
    rig.receive(rig.client.credit(1, 1)[5:])

    assert windows == [3, 6, 7]
    assert stream.window - 65_535 == 8


def test_exactly_the_quota_leaves_nothing() -> None:
    """A turn that takes exactly as many frames as it may has none left."""
    rig = begun(Limits(frames_per_turn=3, requests_per_turn=1))
    rig.receive(rig.client.settings_ack() * 2, rig.client.request(1))

    assert not rig.http2.has_more


def stream_numbers(count: int) -> range:
    """Return the numbers of the first streams."""
    return range(1, 2 * count, 2)


def flood(kind: str, count: int) -> bytes:
    """Return so many of something that may come only so often."""
    client = Http2Client()
    if kind == "continuations":
        return frame(HEADERS, 0, 1, b"") + frame(CONTINUATION, 0, 1, b"") * count
    if kind == "empty_data":
        return client.request(1) + frame(DATA, 0, 1, b"") * count
    if kind == "resets":
        return b"".join(client.request(number) + client.reset(number) for number in stream_numbers(count))
    if kind == "stream_errors":
        return b"".join(client.headers(number, [("x", "y")]) for number in stream_numbers(count))
    if kind == "refusals":
        return client.request(1) + b"".join(client.request(number + 2) for number in stream_numbers(count))
    frames = {
        "settings": client.settings(),
        "priorities": frame(PRIORITY, 0, 1, bytes(5)),
        "unknown_frames": frame(99, 0, 0),
    }
    return frames[kind] * count


FLOODS = [
    "continuations",
    "empty_data",
    "priorities",
    "refusals",
    "resets",
    "settings",
    "stream_errors",
    "unknown_frames",
]


@pytest.mark.parametrize("kind", FLOODS)
def test_flood_ends_the_connection(kind: str) -> None:
    """What may come only so often is fine up to the burst, and one more ends the connection."""
    limits = replace(Limits(max_streams=1 if kind == "refusals" else 100), **{kind: Allowance(5, 1)})
    first, second = Http2Rig(limits), Http2Rig(limits)
    for rig in (first, second):
        rig.http2.begin()
        rig.receive(PREFACE, frame(SETTINGS, 0, 0))
        rig.now += 10
    first.receive(flood(kind, 5))

    assert fault_of(second, flood(kind, 6)) == "ENHANCE_YOUR_CALM"


def test_old_streams_are_reset_for_free() -> None:
    """A stream that was open for a second may be reset without being counted."""
    rig = begun(Limits(resets=Allowance(2, 0)))
    rig.receive(*(rig.client.request(number) for number in stream_numbers(40)))
    rig.now += 1.0
    rig.receive(*(rig.client.reset(number) for number in stream_numbers(40)))

    assert not rig.http2.streams.open


def test_settings_of_one_frame_walk_over_the_streams_once() -> None:
    """A frame may hold 2,730 initial windows; the streams see only the last one, so it costs what any other costs."""
    rig, walks = begun(), []

    class Counted(dict[int, Any]):
        def values(self) -> Any:
            walks.append(1)
            return super().values()

    streams = rig.http2.streams
    streams.open = Counted(streams.open)
    pair = b"\0\4" + (100).to_bytes(4, "big") + b"\0\4" + (200).to_bytes(4, "big")
    rig.receive(frame(SETTINGS, 0, 0, pair * 100))

    assert streams.initial_window == 200
    assert len(walks) <= 2


@given(data=st.binary(max_size=200), flags=st.integers(0, 255), kind=st.integers(0, 12), number=st.integers(0, 5))
def test_junk_raises_nothing_but_faults(data: bytes, flags: int, kind: int, number: int) -> None:
    """Whatever frame comes, it is taken, resets a stream, or is a fault; and what is said is well formed."""
    rig = begun()
    rig.receive(rig.client.request(1))
    with contextlib.suppress(Fault):
        rig.receive(frame(kind, flags, number, data))

    assert rig.said() is not None
