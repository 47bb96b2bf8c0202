"""What one side of an HTTP/2 connection sent, read by hyperframe and hpack and told as plain tuples.

("SETTINGS", {number: value})        ("SETTINGS ACK",)
("HEADERS", stream, {name: value}, ends)
("DATA", stream, bytes, ends)
("RST", stream, code)                ("CREDIT", stream, bytes)
("PING", bytes)                      ("PING ACK", bytes)
("GOAWAY", last stream, code, text)
"""

from __future__ import annotations

from typing import Any

from hpack import Decoder
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

from ticker_server.api.transport.frames.frame import ErrorCode

__all__ = ["FrameLog", "frames_of"]

Said = tuple[Any, ...]


def frames_of(data: bytes) -> list[Frame]:
    """Return the frames in bytes, which must be whole."""
    frames = []
    while data:
        frame, length = Frame.parse_frame_header(memoryview(data[:9]), strict=True)
        assert len(data) >= 9 + length, "a frame was cut short"
        frame.parse_body(memoryview(data[9 : 9 + length]))
        frames.append(frame)
        data = data[9 + length :]
    return frames


class FrameLog:
    """Reads one direction of one connection, across any chunks."""

    def __init__(self) -> None:
        self._decoder = Decoder()
        self._rest = b""
        self._block = b""

    def read(self, data: bytes) -> list[Said]:
        """Return what was said in the bytes, and keep the rest of a frame that is not whole."""
        data = self._rest + data
        end = 0
        while len(data) - end >= 9 and len(data) - end >= 9 + int.from_bytes(data[end : end + 3], "big"):
            end += 9 + int.from_bytes(data[end : end + 3], "big")
        self._rest = data[end:]
        return [said for frame in frames_of(data[:end]) for said in self._tell(frame)]

    def _tell(self, frame: Frame) -> list[Said]:
        number, flags = frame.stream_id, frame.flags
        if isinstance(frame, HeadersFrame | ContinuationFrame):
            return self._tell_headers(frame)
        if isinstance(frame, DataFrame):
            return [("DATA", number, frame.data, "END_STREAM" in flags)]
        if isinstance(frame, SettingsFrame):
            return [("SETTINGS ACK",) if "ACK" in flags else ("SETTINGS", frame.settings)]
        if isinstance(frame, PingFrame):
            return [("PING ACK" if "ACK" in flags else "PING", frame.opaque_data)]
        if isinstance(frame, RstStreamFrame):
            return [("RST", number, ErrorCode(frame.error_code).name)]
        if isinstance(frame, WindowUpdateFrame):
            return [("CREDIT", number, frame.window_increment)]
        if isinstance(frame, GoAwayFrame):
            code = ErrorCode(frame.error_code).name
            return [("GOAWAY", frame.last_stream_id, code, frame.additional_data.decode())]
        raise AssertionError(f"a server does not send {frame!r}")

    def _tell_headers(self, frame: HeadersFrame | ContinuationFrame) -> list[Said]:
        self._block += frame.data
        if isinstance(frame, HeadersFrame):
            self._ends = "END_STREAM" in frame.flags
        if "END_HEADERS" not in frame.flags:
            return []
        block, self._block = self._block, b""
        fields = [(name.decode(), value.decode("latin-1")) for name, value in self._decoder.decode(block, raw=True)]
        assert len(fields) == len(dict(fields)), f"a header came twice: {fields}"
        return [("HEADERS", frame.stream_id, dict(fields), self._ends)]
