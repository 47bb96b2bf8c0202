"""The fields of a header block, as a client of gRPC reads them."""

from __future__ import annotations

from base64 import b64decode

from hpack import Decoder

__all__ = ["decoded", "metadata_in"]


def decoded(block: bytes) -> list[tuple[bytes, bytes]]:
    """Return the fields of a block, as hpack reads them."""
    return [tuple(field) for field in Decoder(max_header_list_size=2**20).decode(block, raw=True)]


def metadata_in(fields: list[tuple[bytes, bytes]]) -> list[tuple[str, str | bytes]]:
    """Return names and values; those of names in `-bin` as the bytes that they stand for."""
    return [
        (name.decode(), b64decode(value + b"==") if name.endswith(b"-bin") else value.decode("latin-1"))
        for name, value in fields
    ]
