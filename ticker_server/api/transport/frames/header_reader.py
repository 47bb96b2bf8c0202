"""Header blocks as they come: in HEADERS and CONTINUATION, and against one table per connection."""

from __future__ import annotations

import re

from hpack import Decoder
from hpack.exceptions import HPACKError, OversizedHeaderListError

from ticker_server.api.transport.frames.fault import Fault
from ticker_server.api.transport.frames.frame import ErrorCode
from ticker_server.api.transport.frames.header_block import Headers
from ticker_server.api.transport.frames.limits import Limits

__all__ = ["HeaderReader"]

_SHARED_NAMES = frozenset(
    {
        b":authority",
        b":path",
        b"content-type",
        b"grpc-accept-encoding",
        b"grpc-encoding",
        b"te",
        b"user-agent",
    }
)
_COMMON_NAMES = _SHARED_NAMES | {b":method", b":scheme", b"accept-encoding", b"grpc-timeout"}
_INDICES = re.compile(rb"[\x81-\xfe]+")
"""A block of indexed fields alone (RFC 7541, section 6.1)."""

_SHARED_ENTRIES = 1_024
_shared: dict[tuple[bytes, bytes], tuple[bytes, bytes]] = {}


_FIRST_BLOCKS = 64
_LONGEST_FIRST = 512
_first_blocks: dict[bytes, tuple[Headers, tuple[tuple[bytes, bytes], ...]]] = {}
"""First blocks of connections: their headers, and what they left in the table, which was empty before."""


class _Entries(list[tuple[bytes, bytes]]):
    """The dynamic part of a table: a list, which takes a fifth of the memory of the decoder's deque while it is short.

    It never has more than 128 entries. What nearly all clients say alike is kept once for all connections.
    """

    __slots__ = ()

    def appendleft(self, entry: tuple[bytes, bytes]) -> None:
        """Put an entry before all others."""
        if entry[0] in _SHARED_NAMES:
            has_room = len(_shared) < _SHARED_ENTRIES
            entry = _shared.setdefault(entry, entry) if has_room else _shared.get(entry, entry)
        self.insert(0, entry)


class HeaderReader:
    """The header blocks of one connection. `stream_id` is that of a block which is not complete yet, 0 if none is.

    `ends_stream` and `depends_on_itself` are what the HEADERS frame said of that stream.

    A client that calls the same method again says so in a few bytes, each an index of the table. Such a block changes
    nothing in the table, so the same block right after it means the same headers, and they are the same object.

    Clients of one kind also begin alike. The table of a connection is empty then, so the same first block means the same
    headers and leaves the same in the table, whoever sends it. That spares a storm of new connections the dear part,
    which is Huffman's code. Blocks that tell anything but what all clients tell are not kept: they may have secrets.
    """

    __slots__ = (
        "_block",
        "_decoder",
        "_is_first",
        "_known",
        "_known_block",
        "_limits",
        "depends_on_itself",
        "ends_stream",
        "stream_id",
    )

    def __init__(self, limits: Limits) -> None:
        self.stream_id = 0
        self.ends_stream = False
        self.depends_on_itself = False
        self._limits = limits
        self._is_first = True
        self._block = b""
        self._known_block = b""
        self._known: Headers = ()
        self._decoder = Decoder(max_header_list_size=limits.max_header_block)
        self._decoder.header_table.dynamic_entries = _Entries()  # type: ignore[assignment]

    @property
    def size(self) -> int:
        """How many bytes of the block that is not complete yet have come."""
        return len(self._block)

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
        if block and block == self._known_block:
            return self._known
        headers = self._decode_first(block) if self._is_first else self._decode(block)
        if _INDICES.fullmatch(block):
            self._known_block, self._known = block, headers
        else:
            self._known_block, self._known = b"", ()
        return headers

    def _decode_first(self, block: bytes) -> Headers:
        self._is_first = False
        table = self._decoder.header_table
        known = _first_blocks.get(block)
        if known is not None:
            headers, entries = known
            for entry in entries:
                table.add(*entry)
            return headers
        headers = self._decode(block)
        is_common = len(block) <= _LONGEST_FIRST and all(name in _COMMON_NAMES for name, _ in headers)
        if is_common and table.maxsize == table.DEFAULT_SIZE:
            if len(_first_blocks) >= _FIRST_BLOCKS:
                _first_blocks.clear()
            _first_blocks[block] = (headers, tuple(reversed(table.dynamic_entries)))
        return headers

    def _decode(self, block: bytes) -> Headers:
        try:
            return list(self._decoder.decode(block, raw=True))
        except OversizedHeaderListError as error:
            raise Fault(ErrorCode.ENHANCE_YOUR_CALM, "a header list is too long") from error
        except HPACKError as error:
            raise Fault(ErrorCode.COMPRESSION_ERROR, "a header block cannot be decoded") from error
