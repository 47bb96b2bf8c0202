"""Header blocks as they come: in HEADERS and CONTINUATION, and against one table per connection."""

from __future__ import annotations

from hpack import Decoder
from hpack.exceptions import HPACKError, OversizedHeaderListError

from ticker_server.api.transport.frames.fault import Fault
from ticker_server.api.transport.frames.frame import ErrorCode
from ticker_server.api.transport.frames.header_block import Headers
from ticker_server.api.transport.frames.limits import Limits

__all__ = ["HeaderReader"]


class HeaderReader:
    """The header blocks of one connection. `stream_id` is that of a block which is not complete yet, 0 if none is.

    `ends_stream` and `depends_on_itself` are what the HEADERS frame said of that stream.
    """

    __slots__ = ("_block", "_decoder", "_limits", "depends_on_itself", "ends_stream", "stream_id")

    def __init__(self, limits: Limits) -> None:
        self.stream_id = 0
        self.ends_stream = False
        self.depends_on_itself = False
        self._limits = limits
        self._block = b""
        self._decoder = Decoder(max_header_list_size=limits.max_header_block)

    def begin(self, stream_id: int, fragment: bytes) -> None:
        """Take the part of a block that a HEADERS frame has."""
        self.stream_id = stream_id
        self._block = fragment

    def add(self, fragment: bytes) -> None:
        """Take the part that a CONTINUATION frame has. Raises Fault if the block is too long."""
        self._block += fragment
        if len(self._block) > self._limits.max_header_block:
            raise Fault(ErrorCode.ENHANCE_YOUR_CALM, "a header block is too long")

    def finish(self) -> Headers:
        """Return the headers of the block that is complete now. Raises Fault if it cannot be decoded."""
        block, self._block = self._block, b""
        self.stream_id = 0
        try:
            return list(self._decoder.decode(block, raw=True))
        except OversizedHeaderListError as error:
            raise Fault(ErrorCode.ENHANCE_YOUR_CALM, "a header list is too long") from error
        except HPACKError as error:
            raise Fault(ErrorCode.COMPRESSION_ERROR, "a header block cannot be decoded") from error
