"""A client that holds the server to its windows: `h2` as the state machine, no sockets, credit only as the test gives it.

`h2` raises as soon as the server sends a byte more than a window allows, a frame that is larger than agreed, or
anything else that HTTP/2 forbids.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    InformationalResponseReceived,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
)
from h2.settings import SettingCodes

from tests.support.http2.header_blocks import request_headers
from tests.support.http2.message_buffer import MessageBuffer
from tests.support.http2.wire_frames import FrameBuffer, grpc_message

__all__ = ["EnforcingClient", "Stream"]


class Stream:
    """One call as its client sees it.

    `messages` are those that are whole; `sent` counts the bytes of DATA that went to the server. `status` is the gRPC status once it came,
    `reset` the error code if the server reset the stream.
    """

    def __init__(self, stream_id: int) -> None:
        self.stream_id = stream_id
        self.messages: list[bytes] = []
        self.sent = 0
        self.headers: dict[str, str] = {}
        self.trailers: dict[str, str] = {}
        self.ended = False
        self.reset: int | None = None
        self.cancelled = False
        self._buffer = MessageBuffer()

    @property
    def over(self) -> bool:
        """Whether nothing can come any more."""
        return self.ended or self.cancelled or self.reset is not None

    @property
    def status(self) -> int | None:
        """The gRPC status, in the trailers or in headers that are all of the answer."""
        text = self.trailers.get("grpc-status", self.headers.get("grpc-status"))
        return None if text is None else int(text)

    def take_data(self, data: bytes) -> None:
        """Take what came."""
        assert not self.over, "DATA after the end of its stream"
        self.messages += self._buffer.take(data)

    def end(self) -> None:
        """Note that the server ended the stream."""
        assert not self._buffer.missing, "the stream ended within a message"
        self.ended = True


class EnforcingClient:
    """The client's end of a connection: `take` returns what is to be sent, `receive` takes what came.

    `terminated` is the error code of the server's GOAWAY.
    """

    def __init__(self, first_settings: Mapping[int, int] | None = None) -> None:
        self._h2 = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))
        # Each SETTINGS names the same settings: h2 takes one ACK for the oldest value of every name that is pending.
        self._settings = {
            SettingCodes.INITIAL_WINDOW_SIZE: self._h2.local_settings.initial_window_size,
            SettingCodes.MAX_FRAME_SIZE: self._h2.local_settings.max_frame_size,
        }
        self._buffer = FrameBuffer()
        self.streams: dict[int, Stream] = {}
        self.terminated: int | None = None
        self.on_data: Callable[[Stream, int], None] = lambda _stream, _size: None
        for name, value in (first_settings or {}).items():
            self._settings[SettingCodes(name)] = value
            self._h2.local_settings[SettingCodes(name)] = value
            self._h2.local_settings.acknowledge()
        self._h2.initiate_connection()

    def take(self) -> bytes:
        """Return the bytes to send."""
        return self._h2.data_to_send()

    def receive(self, data: bytes) -> None:
        """Take bytes from the server; raises what h2 finds wrong with them.

        Frame by frame: h2 looks at the size of all frames that come together before it reads the ACK between them.
        """
        for frame in self._buffer.take_bytes(data):
            for event in self._h2.receive_data(frame):
                self._note(event)

    def open(self, method: str, *more: tuple[str, str], message: bytes | None = b"", end_stream: bool = True) -> Stream:
        """Begin a call, with one message or none."""
        stream = Stream(self._h2.get_next_available_stream_id())
        self.streams[stream.stream_id] = stream
        self._h2.send_headers(
            stream.stream_id, request_headers(method, *more), end_stream=message is None and end_stream
        )
        if message is not None:
            self.send(stream, grpc_message(message), end_stream=end_stream)
        return stream

    def send(self, stream: Stream, data: bytes, *, end_stream: bool = False) -> None:
        """Send bytes on a stream, as they are."""
        stream.sent += len(data)
        self._h2.send_data(stream.stream_id, data, end_stream=end_stream)

    def may_send(self, stream: Stream) -> int:
        """Return how many bytes the server takes on a stream now."""
        return self._h2.local_flow_control_window(stream.stream_id)

    def set(self, *, initial_window: int | None = None, max_frame: int | None = None) -> None:
        """Send SETTINGS; the window of every stream changes by the difference, and may become negative."""
        if initial_window is not None:
            self._settings[SettingCodes.INITIAL_WINDOW_SIZE] = initial_window
        if max_frame is not None:
            self._settings[SettingCodes.MAX_FRAME_SIZE] = max_frame
        self._h2.update_settings(dict(self._settings))

    def credit(self, amount: int, stream: Stream | None = None) -> None:
        """Let the server send so many bytes more: on one stream, or on the connection."""
        if stream is None:
            self._h2.increment_flow_control_window(amount)
        elif not stream.over:
            self._h2.increment_flow_control_window(amount, stream.stream_id)

    def window(self, stream: Stream) -> int:
        """Return how many bytes the server may send on a stream now, at most 0 if none."""
        return self._h2.remote_flow_control_window(stream.stream_id)

    def stream_window(self, stream: Stream) -> int:
        """Return the window of the stream alone."""
        return self._h2.streams[stream.stream_id].inbound_flow_control_window

    def reset(self, stream: Stream, trouble: ErrorCodes = ErrorCodes.CANCEL) -> None:
        """Cancel a call."""
        if not stream.over:
            self._h2.reset_stream(stream.stream_id, trouble)
            stream.cancelled = True

    def _note(self, event: Event) -> None:
        match event:
            case DataReceived():
                stream = self._stream(event.stream_id)
                if not stream.cancelled:
                    stream.take_data(event.data)
                    self.on_data(stream, event.flow_controlled_length)
            case ResponseReceived() | InformationalResponseReceived():
                self._stream(event.stream_id).headers = dict(event.headers)
            case TrailersReceived():
                self._stream(event.stream_id).trailers = dict(event.headers)
            case StreamEnded():
                self._stream(event.stream_id).end()
            case StreamReset():
                self._stream(event.stream_id).reset = int(event.error_code)
            case ConnectionTerminated():
                self.terminated = int(event.error_code)
            case _:
                pass

    def _stream(self, stream_id: int | None) -> Stream:
        assert stream_id is not None
        return self.streams[stream_id]
