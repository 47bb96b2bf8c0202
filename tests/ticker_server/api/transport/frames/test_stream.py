"""The sending side of a stream: the contract of a sink, and its end."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.frame_log import FrameLog, Said
from tests.support.hand_turned import HandTurned
from tests.support.http2_client import grpc_message
from ticker_server.api.transport.frames.header_block import http_block, trailers_block
from ticker_server.api.transport.frames.output import Output
from ticker_server.api.transport.frames.stream import Stream, message_bytes
from ticker_server.errors import StockNotFound

HEADERS = {":status": "200", "content-type": "application/grpc", "grpc-accept-encoding": "identity"}
OK = ("HEADERS", 1, {"grpc-status": "0"}, True)


class Rig:
    """Streams on one output. `called` are the ids in the order of their `on_writable`."""

    def __init__(self, window: int = 65_535, connection_window: int = 65_535) -> None:
        self.writes: list[bytes] = []
        self.turns = HandTurned()
        self.output = Output(self.writes.append, self.turns.soon, high=65_536, served_per_turn=500)
        self.output.window = connection_window
        self.window = window
        self.called: list[int] = []
        self.over: list[int] = []
        self.lingering: list[int] = []
        self._log = FrameLog()
        self.stream = self.open(1)

    def open(self, number: int, *, half_closed: bool = True) -> Stream:
        """Open a stream, with its headers out."""
        stream = Stream(number, self.output, self.window, 0.0)
        stream.is_half_closed = half_closed
        stream.on_writable = lambda: self.called.append(number)
        stream.on_over = lambda over: self.over.append(over.id)
        stream.on_linger = lambda lingering: self.lingering.append(lingering.id)
        stream.send_headers()
        self.said()
        return stream

    def said(self) -> list[Said]:
        """End the turn, and all that follow; return what was said since the last call."""
        self.turns.turn_until_idle()
        data = b"".join(self.writes)
        self.writes.clear()
        return self._log.read(data)


def data_of(said: list[Said], stream_id: int = 1) -> bytes:
    """Return the DATA of a stream."""
    return b"".join(each[2] for each in said if each[:2] == ("DATA", stream_id))


def test_message_goes_out_whole() -> None:
    """Where the windows allow it a message is one DATA frame, and the sink stays writable without a call."""
    rig = Rig()
    assert rig.stream.writable

    rig.stream.send((b"ab", b"", b"cd"))

    assert rig.stream.writable
    assert rig.said() == [("DATA", 1, grpc_message(b"abcd"), False)]
    assert rig.stream.window == rig.output.window == 65_535 - 9
    assert not rig.called


def test_headers_go_before_the_first_message() -> None:
    """The headers of the answer leave with the first message, and once."""
    rig = Rig()
    stream = Stream(3, rig.output, 100, 0.0)
    stream.send((b"a",))
    stream.send((b"b",))

    assert rig.said() == [
        ("HEADERS", 3, HEADERS, False),
        ("DATA", 3, grpc_message(b"a"), False),
        ("DATA", 3, grpc_message(b"b"), False),
    ]
    assert rig.output.headers == 2  # that of stream 1 included


def test_headers_can_be_set_until_they_are_sent() -> None:
    """Headers of one's own replace the usual ones; too late, they are ignored."""
    rig = Rig()
    stream = Stream(3, rig.output, 100, 0.0)
    stream.begin(http_block(200, ((b"content-type", b"text/x"),)))
    stream.send_headers()
    stream.begin(http_block(500, ((b"content-type", b"text/y"),)))
    stream.send_headers()

    assert rig.said() == [("HEADERS", 3, {":status": "200", "content-type": "text/x"}, False)]


def test_message_is_split_at_the_longest_frame() -> None:
    """No frame is longer than the peer takes; a larger message is several."""
    rig = Rig()
    rig.stream.send((b"x" * 40_000,))
    said = rig.said()

    assert [len(each[2]) for each in said] == [16_384, 16_384, 40_005 - 2 * 16_384]
    assert data_of(said) == grpc_message(b"x" * 40_000)


@pytest.mark.parametrize("scarce", ["stream", "connection"])
def test_message_is_half_sent_where_a_window_ends(scarce: str) -> None:
    """As much goes out as the smaller window has; until the rest is out, the sink takes nothing else."""
    rig = Rig(window=7, connection_window=100) if scarce == "stream" else Rig(window=100, connection_window=7)
    give = rig.stream.grant if scarce == "stream" else rig.output.grant
    rig.stream.send((b"abcdef",))
    assert data_of(rig.said()) == grpc_message(b"abcdef")[:7]
    assert not rig.stream.writable
    with pytest.raises(RuntimeError):
        rig.stream.send((b"no",))

    give(3)
    assert data_of(rig.said()) == grpc_message(b"abcdef")[7:10]
    assert not rig.called
    give(1)

    assert data_of(rig.said()) == grpc_message(b"abcdef")[10:]
    assert not rig.called
    give(1)
    assert not rig.said()
    assert rig.called == [1]


@pytest.mark.parametrize("scarce", ["stream", "connection", "transport"])
def test_on_writable_comes_once(scarce: str) -> None:
    """However often `writable` was asked and was False, `on_writable` is called once when it is True."""
    rig = Rig(
        window=0 if scarce == "stream" else 100,
        connection_window=0 if scarce == "connection" else 100,
    )
    rig.output.is_congested = scarce == "transport"
    for _ in range(3):
        assert not rig.stream.writable
        rig.said()
    assert not rig.called

    for _ in range(3):
        rig.output.is_congested = False
        rig.stream.grant(10)
        rig.output.grant(10)
        rig.output.serve_soon()
    rig.said()

    assert rig.called == [1]
    assert rig.stream.writable
    rig.stream.grant(10)
    rig.output.grant(10)
    rig.said()
    assert rig.called == [1]


def test_on_writable_is_called_when_it_is_writable() -> None:
    """Within `on_writable` the sink is writable, and what is sent there goes out in the same write."""
    rig = Rig(window=0)
    seen = []

    def pull() -> None:
        seen.append(rig.stream.writable)
        rig.stream.send((b"new",))

    rig.stream.on_writable = pull
    assert not rig.stream.writable
    rig.stream.grant(8)
    said = rig.said()

    assert seen == [True]
    assert data_of(said) == grpc_message(b"new")


def test_parked_stream_is_not_in_the_queue() -> None:
    """A stream without a window of its own waits for that alone: credit of the connection does not wake it."""
    rig = Rig(window=0)
    assert not rig.stream.writable
    rig.output.grant(1_000)
    rig.said()

    assert not rig.called
    assert not rig.output.waiting


def test_woken_stream_waits_for_the_connection() -> None:
    """A parked stream that gets a window while the connection has none waits in the queue, and is called once."""
    rig = Rig(window=0, connection_window=0)
    assert not rig.stream.writable
    rig.stream.grant(50)
    rig.said()
    assert not rig.called
    rig.output.grant(50)
    rig.said()

    assert rig.called == [1]


def test_window_that_turns_negative_must_be_made_up() -> None:
    """A window below zero takes as much credit as it lacks before anything is sent (RFC 9113, section 6.9.2)."""
    rig = Rig(window=10)
    rig.stream.send((b"abcde" * 3,))
    assert len(data_of(rig.said())) == 10
    rig.stream.grant(-30)
    rig.stream.grant(30)
    assert not rig.said()
    rig.stream.grant(2)
    assert len(data_of(rig.said())) == 2
    rig.stream.grant(100)

    assert len(data_of(rig.said())) == 8
    assert rig.called == [1]


def test_queued_stream_whose_window_goes_is_parked() -> None:
    """A stream that waits for the connection and loses its own window is called when it has both again, once."""
    rig = Rig(window=10, connection_window=0)
    assert not rig.stream.writable
    rig.stream.grant(-10)
    rig.output.grant(100)
    rig.said()
    assert not rig.called
    rig.stream.grant(5)
    rig.said()

    assert rig.called == [1]


def test_streams_share_the_connection_in_turns() -> None:
    """Half-sent messages go on one frame each, in the order in which they were held up."""
    rig = Rig(connection_window=0)
    streams = [rig.stream, *(rig.open(number) for number in (3, 5))]
    rig.output.window = 3
    for stream in streams:
        if stream.writable:
            stream.send((b"x" * 20_000,))
    rig.said()
    for stream in streams[1:]:
        stream.on_writable = lambda stream=stream: stream.send((b"y" * 20_000,))
    rig.output.grant(1_000_000)
    order = [each[1] for each in rig.said()]

    # The first has its rest split in two; the others begin once they are asked, with all that the window allows.
    assert order[0] == 1
    assert order.count(1) == 2
    assert order.index(3) < order.index(5) < len(order) - 1 - order[::-1].index(1)


def test_end_goes_out_at_once() -> None:
    """Without anything half sent, the end is the trailers alone."""
    rig = Rig()
    rig.stream.end(None)

    assert rig.said() == [OK]
    assert rig.over == [1]
    assert rig.stream.is_ended
    assert rig.stream.is_over
    assert not rig.stream.writable


def test_end_without_a_message_is_trailers_only() -> None:
    """Headers that were not sent go out with the status, in one block that ends the stream."""
    rig = Rig()
    stream = Stream(3, rig.output, 0, 0.0)
    stream.is_half_closed = True
    stream.end(StockNotFound("AAPL"))
    (headers,) = rig.said()

    assert headers[0] == "HEADERS"
    assert headers[3]
    assert headers[2].items() >= {**HEADERS, "grpc-status": "5"}.items()
    assert next(iter(headers[2])) == ":status"


@pytest.mark.parametrize("scarce", ["stream", "connection"])
def test_end_waits_behind_a_half_sent_message(scarce: str) -> None:
    """The trailers never overtake DATA: they leave when the rest of the message, and the last one, are out."""
    rig = Rig(window=8) if scarce == "stream" else Rig(connection_window=8)
    give = rig.stream.grant if scarce == "stream" else rig.output.grant
    rig.stream.send((b"abcdef",))
    rig.stream.end(None, (b"la", b"st"))
    assert data_of(rig.said()) == grpc_message(b"abcdef")[:8]
    assert rig.lingering == [1]
    assert not rig.over
    give(3)
    assert data_of(rig.said()) == grpc_message(b"abcdef")[8:]
    give(9)
    said = rig.said()

    assert data_of(said) == grpc_message(b"last")
    assert said[-1] == OK
    assert rig.over == [1]
    assert not rig.called


def test_end_of_a_sink_that_waits_goes_out_at_once() -> None:
    """Trailers need no window: a sink that only waited for one ends without it, and is not called any more."""
    for rig in (Rig(window=0), Rig(connection_window=0)):
        assert not rig.stream.writable
        rig.stream.end(None)
        assert not rig.output.waiting
        assert rig.said() == [OK]
        assert not rig.lingering
        rig.stream.grant(10)
        rig.output.grant(10)

        assert not rig.said()
        assert not rig.called


def test_last_message_waits_for_the_window() -> None:
    """With a last message, the end of a sink that waits goes out when there is room for that."""
    rig = Rig(window=0)
    assert not rig.stream.writable
    rig.stream.end(None, (b"last",))
    assert not rig.said()
    assert rig.lingering == [1]
    rig.stream.grant(9)

    assert rig.said() == [("DATA", 1, grpc_message(b"last"), False), OK]
    assert not rig.called


def test_last_message_of_a_writable_sink_goes_out() -> None:
    """A sink that can send has its last message and its end out at once, headers included."""
    rig = Rig()
    stream = Stream(3, rig.output, 100, 0.0)
    stream.is_half_closed = True
    stream.end(None, (b"last",))

    assert rig.said() == [
        ("HEADERS", 3, HEADERS, False),
        ("DATA", 3, grpc_message(b"last"), False),
        ("HEADERS", 3, {"grpc-status": "0"}, True),
    ]


def test_only_the_first_end_counts() -> None:
    """A second end changes nothing, whether the first one is out or waits."""
    for window, last in ((100, ()), (0, (b"last",))):
        rig = Rig(window=window)
        asked: list[Any] = []
        rig.stream.on_end = lambda error, asked=asked: asked.append(error) or trailers_block(0)
        rig.stream.end(None, last)
        rig.stream.end(StockNotFound("AAPL"), (b"no",))
        rig.stream.finish(trailers_block(13))
        rig.stream.grant(100)
        said = rig.said()

        assert said[-1] == OK
        assert data_of(said) == (grpc_message(b"last") if last else b"")
        assert asked == [None]
        with pytest.raises(RuntimeError):
            rig.stream.send((b"no",))


def test_early_end_asks_the_peer_to_stop() -> None:
    """An answer before the end of the request is followed by RST_STREAM(NO_ERROR) (RFC 9113, section 8.1)."""
    rig = Rig()
    stream = rig.open(3, half_closed=False)
    stream.end(None)

    assert rig.said() == [("HEADERS", 3, {"grpc-status": "0"}, True), ("RST", 3, "NO_ERROR")]


def test_plain_answer_ends_with_its_body() -> None:
    """An answer without trailers ends with its last DATA frame."""
    rig = Rig()
    stream = Stream(3, rig.output, 4, 0.0)
    stream.is_half_closed = True
    stream.answer_plain(http_block(415, ((b"content-type", b"text/plain"),)), b"sorry")
    assert rig.said() == [
        ("HEADERS", 3, {":status": "415", "content-type": "text/plain"}, False),
        ("DATA", 3, b"sorr", False),
    ]
    stream.grant(10)

    assert rig.said() == [("DATA", 3, b"y", True)]
    assert stream.is_over


def test_reset_stream_says_nothing_more() -> None:
    """After a reset nothing is sent, nobody is called, and an end is nothing."""
    for window, connection_window in ((0, 100), (8, 100), (100, 8), (100, 0)):
        rig = Rig(window=window, connection_window=connection_window)
        if rig.stream.writable:
            rig.stream.send((b"abcdef",))
            rig.said()
        rig.stream.reset()
        assert not rig.output.waiting
        rig.stream.grant(100)
        rig.output.grant(100)
        rig.stream.end(None, (b"last",))

        assert not rig.said()
        assert not rig.called
        assert not rig.over
        assert not rig.stream.writable
        assert rig.stream.is_over


def test_congested_transport_holds_up_the_rest() -> None:
    """A transport that has too much in the middle of a message gets the rest when it can go on."""
    rig = Rig(window=2**20, connection_window=2**20)

    def write(data: bytes) -> None:
        rig.writes.append(data)
        rig.output.is_congested = True

    rig.output = Output(write, rig.turns.soon, high=65_536, served_per_turn=500)
    rig.output.window = 2**20
    stream = Stream(3, rig.output, 2**20, 0.0)
    stream.send((b"x" * 200_000,))
    first = rig.said()
    assert 65_536 <= len(data_of(first, 3)) < 100_000
    rest = b""
    while not stream.writable:
        rig.output.is_congested = False
        rig.output.serve_soon()
        rest += data_of(rig.said(), 3)
        rig.output.is_congested = False

    assert data_of(first, 3) + rest == grpc_message(b"x" * 200_000)


def test_message_has_a_prefix() -> None:
    """A message is preceded by a byte for no compression, and its length."""
    assert message_bytes(b"abc") == b"\0\0\0\0\3abc"


class Contract:
    """A sink and its watch, which checks the promises of the sink as the windows change. `sent` is what was taken."""

    def __init__(self) -> None:
        self.rig = Rig(window=20, connection_window=30)
        self.stream, self.output = self.rig.stream, self.rig.output
        self.stream.on_writable = self._pull
        self.sent = self.got = b""
        self.is_call_due = False
        self.windows = [20, 30]

    def step(self, kind: str, number: int) -> None:
        """Let one thing happen, and check."""
        if kind == "stream" or (kind == "connection" and number > 0):
            self.windows[kind == "connection"] += number
            (self.stream if kind == "stream" else self.output).grant(number)
        elif kind == "transport":
            self.output.is_congested = number > 30
            self.output.serve_soon()
        elif kind == "message":
            self._send(bytes((number & 0xFF,)) * abs(number))
        self._check()

    def _send(self, message: bytes) -> None:
        if self.stream.writable:
            self.stream.send((message,))
            self.sent += grpc_message(message)
        self.is_call_due = not self.stream.writable

    def _pull(self) -> None:
        assert self.is_call_due, "on_writable came without need, or twice"
        assert self.stream.writable
        self.is_call_due = False

    def _check(self) -> None:
        data = data_of(self.rig.said())
        self.got += data
        self.windows = [window - len(data) for window in self.windows]
        assert self.sent.startswith(self.got)
        assert not data or min(self.windows) >= 0, "more was sent than a window had"
        assert [self.stream.window, self.output.window] == self.windows
        if self.stream.window > 0 and not self.output.is_blocked:
            assert not self.is_call_due, "on_writable did not come"
            assert self.got == self.sent


KINDS = ["stream", "connection", "transport", "message", "message"]
STEPS = st.lists(st.tuples(st.sampled_from(KINDS), st.integers(-60, 120)), max_size=60)


@given(steps=STEPS)
def test_contract_holds_whatever_the_windows(steps: list[tuple[str, int]]) -> None:
    """Whatever happens when: no window is exceeded, order is kept, and a pull comes once for each refusal."""
    contract = Contract()
    for kind, number in steps:
        contract.step(kind, number)
    contract.step("transport", 0)
    contract.step("stream", 10_000)
    contract.step("connection", 10_000)

    assert contract.got == contract.sent
    assert contract.stream.writable
