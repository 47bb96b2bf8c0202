"""The streams of one connection: which are open, what comes for each, and how each one ends."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice

from google.rpc import code_pb2

from ticker_server.api.transport.failures import failure_status
from ticker_server.api.transport.frames.budget import Budget
from ticker_server.api.transport.frames.fault import Fault
from ticker_server.api.transport.frames.frame import (
    DEFAULT_WINDOW,
    LARGEST_ID,
    LARGEST_WINDOW,
    ErrorCode,
    rst_frame,
    window_update_frame,
)
from ticker_server.api.transport.frames.header_block import (
    Headers,
    Malformed,
    Request,
    check_trailers,
    parse_request,
)
from ticker_server.api.transport.frames.inbox import Inbox
from ticker_server.api.transport.frames.limits import Allowance, Limits
from ticker_server.api.transport.frames.output import Output
from ticker_server.api.transport.frames.status import CallFailed
from ticker_server.api.transport.frames.stream import Stream

__all__ = ["Streams"]

_REMEMBERED_SECONDS = 10.0
_REMEMBERED = 4_096


class Streams:
    """The streams that are open, by id. `last_id` is the highest that the peer has used.

    `on_request` is called with each new stream and what it asks for; what comes later goes to the stream's inbox.
    `window` is what the peer may still send on the connection, `on_idle` is called when no stream is left.
    """

    __slots__ = (
        "_budget",
        "_cut",
        "_held",
        "_known_headers",
        "_known_request",
        "_limits",
        "_on_linger",
        "_on_over",
        "_on_request",
        "_output",
        "_owed",
        "initial_window",
        "last_id",
        "lingering",
        "now",
        "on_idle",
        "open",
        "processed_through",
        "window",
    )

    def __init__(
        self, output: Output, limits: Limits, budget: Budget, on_request: Callable[[Stream, Request], None]
    ) -> None:
        self.open: dict[int, Stream] = {}
        self.last_id = 0
        self.processed_through = LARGEST_ID
        self.initial_window = DEFAULT_WINDOW
        self.lingering: dict[Stream, float] = {}
        self.now = 0.0
        self.on_idle: Callable[[], None] = _ignore
        self.window = DEFAULT_WINDOW
        self._output = output
        self._limits = limits
        self._budget = budget
        self._on_request = on_request
        self._held = 0
        self._owed = 0
        # What the newest headers say: some peers repeat them, and then they are the same object.
        self._known_headers: Headers | None = None
        self._known_request: Request | None = None
        # One for all streams; each bound method is an object.
        self._on_over = self._note_over
        self._on_linger = self._note_lingering
        # Streams that were ended here before the peer had ended them: what it sends on them is on its way already.
        self._cut: dict[int, float] = {}

    def take_headers(self, stream_id: int, headers: Headers, *, ends: bool, depends_on_itself: bool) -> None:
        """Take a header block that is complete: a new request, or the end of one."""
        stream = self.open.get(stream_id)
        if stream is not None:
            self._take_trailers(stream, headers, ends=ends)
        elif stream_id > self.last_id:
            if not stream_id & 1:
                raise Fault(ErrorCode.PROTOCOL_ERROR, "a client's streams have odd numbers")
            self.last_id = stream_id
            self._open(stream_id, headers, ends=ends, depends_on_itself=depends_on_itself)
        elif stream_id not in self._cut:
            raise Fault(ErrorCode.STREAM_CLOSED, "HEADERS on a closed stream")

    def take_data(self, stream_id: int, data: bytes, size: int, *, ends: bool) -> None:
        """Take DATA; `size` counts its padding, too."""
        self.window -= size
        if self.window < 0:
            raise Fault(ErrorCode.FLOW_CONTROL_ERROR, "more DATA than the connection's window")
        self._owed += size
        if self._owed * 2 >= self._limits.connection_window:
            self._output.write(window_update_frame(0, self._owed))
            self.window += self._owed
            self._owed = 0
        stream = self.open.get(stream_id)
        if stream is None:
            self._check_known(stream_id, "DATA")
            if stream_id not in self._cut:
                raise Fault(ErrorCode.STREAM_CLOSED, "DATA on a closed stream")
            return
        inbox = stream.inbox
        if stream.is_half_closed or inbox is None:
            self.reset(stream_id, ErrorCode.STREAM_CLOSED)
        elif size > inbox.window:
            self.reset(stream_id, ErrorCode.FLOW_CONTROL_ERROR)
        else:
            if not data and not ends:
                self._spend(self._limits.empty_data, "too many empty DATA frames")
            self._feed(stream, inbox, data, size, ends=ends)

    def take_reset(self, stream_id: int) -> None:
        """Take RST_STREAM: the peer wants nothing more of a stream."""
        stream = self.open.get(stream_id)
        if stream is None:
            self._check_known(stream_id, "RST_STREAM")
            return
        if not stream.has_begun and self.now - stream.since < self._limits.free_reset_age:
            self._spend(self._limits.resets, "streams are opened and reset too often")
        stream.reset()
        self._forget(stream)

    def take_credit(self, stream_id: int, credit: int) -> None:
        """Take WINDOW_UPDATE of a stream."""
        stream = self.open.get(stream_id)
        if stream is None:
            self._check_known(stream_id, "WINDOW_UPDATE")
        elif not credit:
            self.reset(stream_id, ErrorCode.PROTOCOL_ERROR)
        elif stream.window + credit > LARGEST_WINDOW:
            self.reset(stream_id, ErrorCode.FLOW_CONTROL_ERROR)
        else:
            stream.grant(credit)
            if stream in self.lingering:  # its reader reads, if slowly
                self.lingering[stream] = self.now

    def set_initial_window(self, size: int) -> None:
        """Take another initial window, which changes that of every open stream; it may become negative."""
        change = size - self.initial_window
        self.initial_window = size
        if change > 0 and any(stream.window + change > LARGEST_WINDOW for stream in self.open.values()):
            raise Fault(ErrorCode.FLOW_CONTROL_ERROR, "an initial window makes a stream's window too large")
        for stream in self.open.values():
            stream.grant(change)

    def reset(self, stream_id: int, code: ErrorCode) -> None:
        """End a stream for an error of the peer."""
        self._spend(self._limits.stream_errors, "too many streams had to be reset")
        self.cut(stream_id, code)

    def cut(self, stream_id: int, code: ErrorCode) -> None:
        """End a stream at once, without a status."""
        self._output.write(rst_frame(stream_id, code))
        self._remember(stream_id)
        stream = self.open.get(stream_id)
        if stream is not None:
            stream.reset()
            self._forget(stream)

    def cut_lingering(self) -> None:
        """Reset the streams whose last frames have waited too long for a reader."""
        for stream, since in list(self.lingering.items()):
            if self.now - since >= self._limits.linger_seconds:
                self.cut(stream.id, ErrorCode.CANCEL)

    def fail(self, stream: Stream, failure: CallFailed) -> None:
        """End a stream with a status that is due to what the peer sent."""
        if stream.inbox is not None:
            stream.inbox.discard()
        stream.finish(failure.trailers())

    def close_some(self, count: int) -> bool:
        """Let go of so many streams: the connection is gone. Return whether there are more."""
        for stream in list(islice(self.open.values(), count)):
            stream.reset()
            self._forget(stream)
        return bool(self.open)

    def _open(self, stream_id: int, headers: Headers, *, ends: bool, depends_on_itself: bool) -> None:
        limits = self._limits
        if stream_id > self.processed_through:
            self._remember(stream_id)
            return
        if len(self.open) >= limits.max_streams:
            self._spend(limits.refusals, "too many streams were opened above the limit")
            self.cut(stream_id, ErrorCode.REFUSED_STREAM)
            return
        request = self._parsed(stream_id, headers)
        if request is None or depends_on_itself:
            self.reset(stream_id, ErrorCode.PROTOCOL_ERROR)
            return
        stream = self.open[stream_id] = Stream(stream_id, self._output, self.initial_window, self.now)
        stream.on_over = self._on_over
        stream.on_linger = self._on_linger
        inbox = stream.inbox = Inbox(limits, stream_id, self._give_credit, self._account, request.content_length)
        if request.size > limits.max_header_list:
            failure = CallFailed(
                code_pb2.RESOURCE_EXHAUSTED, f"the metadata is larger than {limits.max_header_list} bytes"
            )
            stream.is_half_closed = ends
            self.fail(stream, failure)
            return
        self._on_request(stream, request)
        if ends and not stream.is_over:
            self._feed(stream, inbox, b"", 0, ends=True)

    def _parsed(self, stream_id: int, headers: Headers) -> Request | None:
        """Return what the headers ask for, None if they are malformed."""
        if headers is self._known_headers:
            return self._known_request
        try:
            request = parse_request(headers)
        except Malformed:
            return None
        if stream_id > 1:  # many connections have one stream, and would keep this for nothing
            self._known_headers, self._known_request = headers, request
        return request

    def _take_trailers(self, stream: Stream, headers: Headers, *, ends: bool) -> None:
        if stream.is_half_closed or stream.inbox is None:
            self.reset(stream.id, ErrorCode.STREAM_CLOSED)
            return
        try:
            check_trailers(headers)
        except Malformed:
            ends = False
        if ends:
            self._feed(stream, stream.inbox, b"", 0, ends=True)
        else:
            self.reset(stream.id, ErrorCode.PROTOCOL_ERROR)

    def _feed(self, stream: Stream, inbox: Inbox, data: bytes, size: int, *, ends: bool) -> None:
        stream.is_half_closed = ends
        try:
            if data or size:
                inbox.feed(data, size)
                if stream.is_over:  # what it was fed with has ended it
                    return
            if ends:
                inbox.has_ended = True
            if not inbox.has_expected_length:
                self.reset(stream.id, ErrorCode.PROTOCOL_ERROR)
                return
            if ends:
                inbox.end()
        except CallFailed as failure:
            self.fail(stream, failure)
        if self._held > self._limits.max_request_bytes:
            text = f"more than {self._limits.max_request_bytes} bytes of requests are unread on this connection"
            self.fail(stream, CallFailed(code_pb2.RESOURCE_EXHAUSTED, text))

    def _give_credit(self, stream_id: int, credit: int) -> None:
        self._output.write(window_update_frame(stream_id, credit))

    def _account(self, change: int) -> None:
        self._held += change

    def _note_over(self, stream: Stream) -> None:
        if not stream.is_half_closed:
            self._remember(stream.id)
        self._forget(stream)

    def _note_lingering(self, stream: Stream) -> None:
        self.lingering[stream] = self.now
        if stream.inbox is not None:
            stream.inbox.discard()  # nobody reads what still comes

    def _forget(self, stream: Stream) -> None:
        self.open.pop(stream.id, None)
        self.lingering.pop(stream, None)
        if stream.inbox is not None:
            stream.inbox.close()
            stream.inbox = None
        gone, stream.on_gone = stream.on_gone, None
        if gone is not None:
            try:
                gone()
            except Exception as error:  # noqa: BLE001 - the other streams of the connection have to be let go of, too
                failure_status(error, {})
        if not self.open:
            self.on_idle()

    def _remember(self, stream_id: int) -> None:
        cut = self._cut
        cut[stream_id] = self.now
        while len(cut) > 1:
            oldest = next(iter(cut))
            if len(cut) <= _REMEMBERED and cut[oldest] > self.now - _REMEMBERED_SECONDS:
                break
            del cut[oldest]

    def _check_known(self, stream_id: int, frame: str) -> None:
        if stream_id > self.last_id or not stream_id & 1:
            raise Fault(ErrorCode.PROTOCOL_ERROR, f"{frame} on a stream that was never opened")

    def _spend(self, allowance: Allowance, text: str) -> None:
        if not self._budget.spend(allowance, self.now):
            raise Fault(ErrorCode.ENHANCE_YOUR_CALM, text)


def _ignore() -> None:
    """Stand in for `on_idle` until it is set."""
