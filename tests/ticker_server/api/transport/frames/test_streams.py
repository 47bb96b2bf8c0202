"""The streams of one connection: how each is opened, fed and ended."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from tests.support.frame_log import Said
from tests.support.frames_rig import Http2Rig
from tests.support.http2_client import frame, grpc_message
from ticker_server.api.transport.frames.fault import Fault
from ticker_server.api.transport.frames.frame import DATA, PADDED, ErrorCode
from ticker_server.api.transport.frames.limits import Allowance, Limits
from ticker_server.api.transport.frames.status import CallFailed
from ticker_server.api.transport.frames.stream import Stream

RESOURCE_EXHAUSTED = "8"
INTERNAL = "13"


def begun(limits: Limits | None = None, settings: dict[int, int] | None = None) -> Http2Rig:
    """Return a rig whose settings were exchanged."""
    rig = Http2Rig(limits)
    rig.begin(settings)
    return rig


def messages_of(stream: Stream) -> list[bytes]:
    """Return what is unread on a stream."""
    assert stream.inbox is not None
    return list(stream.inbox.messages)


def status_in(said: list[Said], stream_id: int) -> tuple[str, bool]:
    """Return the status with which a stream ended, and whether the rest of its request was refused."""
    (trailers,) = [each for each in said if each[:2] == ("HEADERS", stream_id)]
    assert trailers[3]
    return trailers[2]["grpc-status"], ("RST", stream_id, "NO_ERROR") in said


# The begin.


def test_request_opens_a_stream() -> None:
    """A header block on a new number opens a stream, and whoever answers is told what it asks for."""
    rig = begun(settings={4: 1_234})
    rig.receive(rig.client.request(5, "/test.Test/Method"))
    ((stream, request),) = rig.requests

    assert (stream.id, stream.window, stream.since, request.path) == (5, 1_234, 100.0, "/test.Test/Method")
    assert list(rig.http2.streams.open) == [5]
    assert rig.http2.streams.last_id == 5
    assert not stream.is_half_closed


def test_request_may_end_with_its_headers() -> None:
    """A request without a message ends with its headers, and its end is told."""
    rig = begun()
    stream = rig.open(1, ends=True)

    assert stream.is_half_closed
    assert stream.inbox is not None
    assert stream.inbox.has_ended


def test_stream_above_the_limit_is_refused() -> None:
    """One stream too many is refused, so that the peer may try again; its place is taken once another one ends."""
    rig = begun(Limits(max_streams=2))
    rig.receive(*(rig.client.request(number) for number in (1, 3, 5)), rig.client.message(5, b"late", ends=True))
    assert rig.said() == [("RST", 5, "REFUSED_STREAM")]
    rig.requests[0][0].end(None)
    rig.receive(rig.client.request(7, "/test.Test/Last"))

    assert [request.path for _, request in rig.requests][-1] == "/test.Test/Last"
    assert list(rig.http2.streams.open) == [3, 7]


def test_headers_that_are_too_large_are_refused() -> None:
    """A request with more headers than allowed ends with RESOURCE_EXHAUSTED, and nobody is asked to answer it."""
    for ends in (True, False):
        rig = begun(Limits(max_header_list=1_000))
        rig.receive(rig.client.request(1, "/test.Test/Unary", ("x-long", "v" * 1_000), ends=ends))

        assert status_in(rig.said(), 1) == (RESOURCE_EXHAUSTED, not ends)
        assert not rig.requests
        assert not rig.http2.streams.open


def test_refused_headers_keep_the_table_in_step() -> None:
    """What refused requests told of headers is known to later ones."""
    rig = begun(Limits(max_streams=1, max_header_list=1_000))
    rig.receive(rig.client.request(1), rig.client.request(3, "/a", ("x-new", "1")))
    rig.requests[0][0].end(None)
    rig.receive(rig.client.request(5, "/b", ("x-new", "1"), ("x-long", "v" * 1_000)))
    rig.receive(rig.client.request(7, "/a", ("x-new", "1")))

    assert (rig.requests[-1][1].path, rig.requests[-1][1].metadata) == ("/a", [("x-new", "1")])


# What comes.


def test_data_go_to_the_inbox_of_their_stream() -> None:
    """Messages of several streams, mixed on the wire, come out at each stream."""
    rig = begun()
    rig.receive(
        rig.client.request(1),
        rig.client.request(3),
        rig.client.message(3, b"b"),
        rig.client.data(1, grpc_message(b"a")[:3]),
        frame(DATA, PADDED, 3, b"\5" + grpc_message(b"c") + bytes(5)),
        rig.client.data(1, grpc_message(b"a")[3:], ends=True),
    )

    assert [messages_of(stream) for stream, _ in rig.requests] == [[b"a"], [b"b", b"c"]]
    assert [stream.is_half_closed for stream, _ in rig.requests] == [True, False]


def test_trailers_end_a_request() -> None:
    """A request may end with headers of its own."""
    rig = begun()
    stream = rig.open(1, ends=False)
    rig.receive(rig.client.message(1, b"a"), rig.client.headers(1, [("x-checksum", "1")], ends=True))

    assert stream.is_half_closed
    assert messages_of(stream) == [b"a"]


def test_connection_gets_credit_by_halves() -> None:
    """Credit for the connection is given when half its window is used, padding and useless DATA included."""
    rig = begun(Limits(connection_window=100_000, receive_window=2**20))
    rig.receive(rig.client.request(1))
    for _ in range(3):
        rig.receive(frame(DATA, PADDED, 1, b"\xff" + bytes(16_383)))
    assert not [said for said in rig.said() if said[:2] == ("CREDIT", 0)]
    rig.receive(rig.client.reset(1))
    rig.http2.streams.cut(1, ErrorCode.CANCEL)
    rig.receive(frame(DATA, 0, 1, bytes(848)))

    assert ("CREDIT", 0, 50_000) in rig.said()
    assert rig.http2.streams.window == 100_000


def test_more_data_than_the_connections_window_is_a_fault() -> None:
    """Who sends more than the connection's window has ends the connection."""
    rig = begun()
    rig.open(1, ends=False)
    rig.http2.streams.window = 10
    rig.receive(frame(DATA, 0, 1, bytes(10)))

    with pytest.raises(Fault) as raised:
        rig.receive(frame(DATA, 0, 1, bytes(1)))

    assert raised.value.code == ErrorCode.FLOW_CONTROL_ERROR


def test_message_that_announces_too_much_ends_its_stream() -> None:
    """A message above the limit ends its stream before it has come; what is on its way is dropped."""
    rig = begun(Limits(max_message_bytes=1_000))
    stream = rig.open(1, ends=False)
    rig.receive(rig.client.data(1, b"\0\0\0\x03\xe9"))

    assert status_in(rig.said(), 1) == (RESOURCE_EXHAUSTED, True)
    rig.receive(rig.client.data(1, bytes(1_001), ends=True), rig.client.ping())
    assert [said[0] for said in rig.said()] == ["PING ACK"]
    assert stream.inbox is None


def test_request_that_ends_within_a_message_is_told_so() -> None:
    """A request that ends within a message ends with INTERNAL."""
    rig = begun()
    rig.open(1, ends=False)
    rig.receive(rig.client.data(1, grpc_message(b"abc")[:-1], ends=True))

    assert status_in(rig.said(), 1) == (INTERNAL, False)


def test_unread_bytes_of_a_connection_are_limited() -> None:
    """The stream whose DATA pass the limit of the connection fails; the others keep what they have."""
    rig = begun(Limits(max_request_bytes=1_000))
    for number in (1, 3, 5):
        rig.receive(rig.client.request(number), rig.client.message(number, b"x" * 395))

    assert status_in(rig.said(), 5) == (RESOURCE_EXHAUSTED, True)
    assert list(rig.http2.streams.open) == [1, 3]
    first = rig.requests[0][0]
    assert first.inbox is not None
    first.inbox.take()
    rig.receive(rig.client.request(7), rig.client.message(7, b"x" * 395))
    assert list(rig.http2.streams.open) == [1, 3, 7]


def test_bytes_of_streams_that_are_gone_count_no_more() -> None:
    """A reset, an end and a lost connection give back what their streams held."""
    rig = begun(Limits(max_request_bytes=1_000))
    for number in range(1, 41, 2):
        rig.receive(rig.client.request(number), rig.client.message(number, b"x" * 800))
        if number % 4 == 1:
            rig.receive(rig.client.reset(number))
        else:
            rig.requests[-1][0].end(None)

    assert not [said for said in rig.said() if said[0] == "HEADERS" and said[2]["grpc-status"] != "0"]


def test_early_refusal_is_said_once() -> None:
    """A stream that ends while it is fed is not reset once more for the length of what it did not get."""
    rig = begun()
    rig.receive(rig.client.request(1, "/test.Test/Unary", ("content-length", "100")))
    stream = rig.requests[0][0]
    assert stream.inbox is not None
    stream.inbox.on_change = lambda: stream.end(None)
    rig.receive(rig.client.message(1, b"a"))

    assert [(said[0], said[-1]) for said in rig.said()] == [("HEADERS", True), ("RST", "NO_ERROR")]


# The end.


def test_reset_is_told_to_the_owner_once() -> None:
    """When the peer resets a stream its owner hears of it, and nothing more is said on it."""
    rig = begun()
    stream, gone = rig.open(1), []
    stream.on_gone = lambda: gone.append(stream.is_over)
    rig.receive(rig.client.reset(1), rig.client.reset(1), rig.client.credit(1, 5))
    stream.end(None, (b"last",))

    assert gone == [True]
    assert not rig.said()
    assert not rig.http2.streams.open


def test_end_is_told_to_the_owner_once() -> None:
    """When the end is out the owner hears that the stream is gone, once, also if the peer resets it afterwards."""
    rig = begun()
    stream, gone = rig.open(1), []
    stream.on_gone = lambda: gone.append(1)
    stream.end(None)
    rig.receive(rig.client.reset(1))
    rig.http2.streams.close_some(10)

    assert gone == [1]


def test_last_stream_makes_the_connection_idle() -> None:
    """Who waits for the connection to be idle is called when the last stream goes, however it goes."""
    rig, idle = begun(), []
    rig.http2.streams.on_idle = lambda: idle.append(len(rig.http2.streams.open))
    first, second = rig.open(1), rig.open(3)
    first.end(None)
    assert not idle
    rig.receive(rig.client.reset(second.id))

    assert idle == [0]


LATE = ["request", "message", "trailers", "credit", "reset", "empty data"]


@pytest.mark.parametrize("end", ["end", "cut", "refusal"])
@pytest.mark.parametrize("late", LATE)
def test_late_frames_are_ignored(end: str, late: str) -> None:
    """What was on its way when the server ended a stream is no fault of the peer (RFC 9113, section 5.1)."""
    rig = begun(Limits(max_streams=1, empty_data=Allowance(0, 0)))
    stream = rig.open(1, ends=False)
    if end == "end":
        stream.end(None)
    elif end == "cut":
        rig.http2.streams.cut(1, ErrorCode.CANCEL)
    number = 1
    if end == "refusal":
        number = 3
        rig.receive(rig.client.request(3))
    rig.said()
    frames = {
        "request": rig.client.headers(number, [("x-trailer", "1")]),
        "message": rig.client.message(number, b"a", ends=True),
        "trailers": rig.client.headers(number, [("x-trailer", "1")], ends=True),
        "credit": rig.client.credit(number, 5),
        "reset": rig.client.reset(number),
        "empty data": rig.client.data(number, b""),
    }
    rig.receive(frames[late], rig.client.ping())

    assert [said[0] for said in rig.said()] == ["PING ACK"]


def test_closed_streams_are_remembered_for_a_while() -> None:
    """Seconds after the server has ended a stream, DATA on it are a fault: they cannot have been on their way so long."""
    rig = begun()
    rig.open(1, ends=False).end(None)
    rig.now += 11
    rig.open(3, ends=False).end(None)

    with pytest.raises(Fault) as raised:
        rig.receive(rig.client.message(1, b"a"))

    assert raised.value.code == ErrorCode.STREAM_CLOSED


def test_only_so_many_closed_streams_are_remembered() -> None:
    """Memory of closed streams is bounded, however many the peer opens and the server ends."""
    rig = begun(Limits(requests_per_turn=10_000, frames_per_turn=10_000, stream_errors=Allowance(10_000, 0)))
    for number in range(1, 12_001, 2):
        rig.receive(rig.client.request(number))
        rig.requests.pop()[0].end(None)

    rig.receive(rig.client.message(11_999, b"a"))
    with pytest.raises(Fault):
        rig.receive(rig.client.message(1, b"a"))


def test_lingering_end_is_cut_in_time() -> None:
    """An end behind a message that nobody reads is waited for, then cut; one that is read in time is not."""
    rig = begun(Limits(linger_seconds=60), {4: 10})
    first, second = rig.open(1), rig.open(3)
    for stream in (first, second):
        stream.send((b"x" * 20,))
        stream.end(None)
    assert set(rig.http2.streams.lingering) == {first, second}
    rig.receive(rig.client.credit(3, 100))
    rig.said()
    assert set(rig.http2.streams.lingering) == {first}
    rig.http2.streams.now += 60
    rig.http2.streams.cut_lingering()

    assert rig.said() == [("RST", 1, "CANCEL")]
    assert not rig.http2.streams.lingering
    rig.receive(rig.client.credit(1, 100))
    assert not rig.said()


def test_lingering_end_waits_for_a_slow_reader() -> None:
    """A reader that goes on reading what is left is waited for, however slow it is."""
    rig = begun(Limits(linger_seconds=60), {4: 10})
    stream = rig.open(1)
    stream.send((b"x" * 20,))
    stream.end(None)
    for _ in range(2):
        rig.now += 40
        rig.receive(rig.client.credit(1, 1))
    rig.http2.streams.cut_lingering()

    assert set(rig.http2.streams.lingering) == {stream}


def test_lingering_stream_that_is_reset_is_forgotten() -> None:
    """A reader that resets a stream which it did not read to its end is waited for no longer."""
    rig = begun(settings={4: 10})
    stream = rig.open(1)
    stream.send((b"x" * 20,))
    stream.end(None)
    rig.receive(rig.client.reset(1))

    assert not rig.http2.streams.lingering
    assert not rig.output.waiting


def test_streams_of_a_lost_connection_go_in_slices() -> None:
    """Streams are let go of so many at a time, each told once, until none is left."""
    rig, gone = begun(), []
    for number in (1, 3, 5, 7, 9):
        rig.open(number).on_gone = lambda number=number: gone.append(number)
    left = [rig.http2.streams.close_some(2) for _ in range(3)]

    assert left == [True, True, False]
    assert gone == [1, 3, 5, 7, 9]
    assert not rig.said()


# Windows.


def test_parked_streams_are_woken_by_their_own_window_alone() -> None:
    """Each stream without a window is called when it gets credit, and no other."""
    rig, called = begun(settings={4: 0}), []
    streams = [rig.open(number) for number in (1, 3, 5)]
    for stream in streams:
        stream.on_writable = lambda stream=stream: called.append(stream.id)
        assert not stream.writable
    rig.receive(rig.client.credit(0, 1_000))
    rig.said()
    assert not called
    rig.receive(rig.client.credit(3, 10))
    rig.said()
    assert called == [3]
    rig.receive(rig.client.settings({4: 10}))
    rig.said()

    assert sorted(called) == [1, 3, 5]


class Account:
    """What a peer has given and got, by stream; 0 is the connection."""

    def __init__(self, rig: Http2Rig, initial: int) -> None:
        self.rig = rig
        self.initial = initial
        self.room = {0: 65_535}
        self.streams: dict[int, Stream] = {}
        self.got: dict[int, bytes] = {}
        self.sent: dict[int, bytes] = {}

    def open(self, number: int) -> None:
        """Open a stream."""
        self.streams[number] = self.rig.open(number)
        self.room[number] = self.initial
        self.got[number] = self.sent[number] = b""

    def send(self, number: int, size: int) -> None:
        """Let the server send a message, if it can."""
        stream = self.streams[number]
        if stream.writable:
            message = bytes((len(self.sent[number]) & 0xFF,)) * size
            stream.send((message,))
            self.sent[number] += grpc_message(message)

    def credit(self, number: int, size: int) -> None:
        """Give credit to a stream, or to the connection."""
        self.rig.receive(self.rig.client.credit(number, size))
        self.room[number] += size

    def resize(self, size: int) -> None:
        """Change the initial window, and with it that of all streams."""
        self.rig.receive(self.rig.client.settings({4: size}))
        for number in self.streams:
            self.room[number] += size - self.initial
        self.initial = size

    def check(self) -> None:
        """Take what was said into account; no window may have been exceeded."""
        for kind, number, *rest in (said for said in self.rig.said() if said[0] == "DATA"):
            assert kind == "DATA"
            self.got[number] += rest[0]
            self.room[number] -= len(rest[0])
            self.room[0] -= len(rest[0])
            assert self.room[number] >= 0
            assert self.room[0] >= 0
        for number, stream in self.streams.items():
            assert stream.window == self.room[number]
            assert self.sent[number].startswith(self.got[number])
            assert self.got[number] == self.sent[number] or self.room[number] <= 0 or self.room[0] <= 0


ACTS = st.tuples(st.sampled_from(["send", "credit", "connection", "resize"]), st.integers(0, 2), st.integers(1, 30_000))


@given(acts=st.lists(ACTS, max_size=40), initial=st.sampled_from([0, 1, 100, 65_535]))
def test_windows_add_up(acts: list[tuple[str, int, int]], initial: int) -> None:
    """Whatever the peer does to its windows, each stream's is what was given less what was sent, and all that fits is sent."""
    rig = begun(Limits(settings=Allowance(1_000, 0)), {4: initial})
    account = Account(rig, initial)
    for number in (1, 3, 5):
        account.open(number)
    for act, which, size in acts:
        number = (1, 3, 5)[which]
        if act == "send":
            account.send(number, size)
        elif act == "credit":
            account.credit(number, size)
        elif act == "connection":
            account.credit(0, size)
        else:
            account.resize(size)
        account.check()


def test_failing_owner_does_not_hold_up_the_others() -> None:
    """An owner that fails when it hears of its stream's end is logged; all other streams are let go of."""
    rig, gone = begun(), []

    def fail() -> None:
        raise ValueError("secret")

    for number in (1, 3, 5):
        rig.open(number).on_gone = lambda number=number: gone.append(number)
    rig.http2.streams.open[3].on_gone = fail
    with capture_logs() as logs:
        assert not rig.http2.streams.close_some(10)

    assert gone == [1, 5]
    assert [entry["event"] for entry in logs] == ["unexpected error"]


class Life:
    """Three streams, what happens to them, and a check that nothing is said behind an end. `gone` are those let go of."""

    def __init__(self, window: int) -> None:
        self.rig = begun(Limits(linger_seconds=5), {4: window})
        self.gone: list[int] = []
        self.ends: dict[int, str] = {}
        self.streams = {number: self.rig.open(number, ends=False) for number in (1, 3, 5)}
        for number, stream in self.streams.items():
            stream.on_gone = lambda number=number: self.gone.append(number)

    def serve(self, act: str, number: int) -> None:
        """Let the server do something on a stream."""
        stream, streams = self.streams[number], self.rig.http2.streams
        if act == "message" and stream.writable:
            stream.send((b"x" * 20,))
        elif act in {"end", "last"}:
            stream.end(None, (b"last",) if act == "last" else ())
        elif act == "fail":
            streams.fail(stream, CallFailed(13, "no"))
        elif act == "cut" and number in streams.open:
            streams.cut(number, ErrorCode.CANCEL)
        elif act == "time":
            streams.now = self.rig.now = self.rig.now + 3
            streams.cut_lingering()
        self.check()

    def peer(self, act: str, number: int) -> None:
        """Let the peer do something on a stream, if it has not reset it before."""
        client, has_reset = self.rig.client, self.ends.get(number) == "peer"
        if act == "reset":
            self.rig.receive(client.reset(number))
            self.ends[number] = "peer"
        elif act == "credit":
            self.rig.receive(client.credit(number, 15))
        elif not (has_reset or self.streams[number].is_half_closed):
            self.rig.receive(client.message(number, b"x" * 30, ends=act == "last data"))
        self.check()

    def check(self) -> None:
        """Check that behind an end nothing is said, but RST(NO_ERROR) behind a status."""
        for kind, number, *rest in self.rig.said():
            end = self.ends.get(number)
            if kind in {"HEADERS", "DATA"}:
                assert end is None, f"{kind} behind {end}"
                self.ends.update({number: "status"} if rest[-1] else {})
            elif kind == "RST":
                assert end is None or (end == "status" and rest == ["NO_ERROR"])
                self.ends[number] = "reset"


OF_SERVER, OF_PEER = ("message", "end", "last", "fail", "cut", "time"), ("reset", "credit", "data", "last data")
ACT = st.tuples(st.sampled_from([*OF_SERVER, *OF_PEER]), st.sampled_from([1, 3, 5]))


@given(acts=st.lists(ACT, max_size=40), window=st.sampled_from([0, 7, 65_535]))
def test_every_stream_is_let_go_of_once(acts: list[tuple[str, int]], window: int) -> None:
    """However streams end, also twice and at the same time: each owner hears of it once, and nothing is kept."""
    life = Life(window)
    for act, number in acts:
        (life.serve if act in OF_SERVER else life.peer)(act, number)
        assert set(life.rig.http2.streams.open) == set(life.streams) - set(life.gone)
    streams = life.rig.http2.streams
    streams.close_some(10)

    assert sorted(life.gone) == [1, 3, 5]
    assert not streams.lingering
    assert not life.rig.output.waiting
    assert streams._held == 0
