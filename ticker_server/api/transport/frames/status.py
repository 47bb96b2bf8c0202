"""The status that ends a call, and the header block that says it."""

from __future__ import annotations

from google.rpc.status_pb2 import Status

from ticker_server.api.statuses import status_of
from ticker_server.api.transport.frames.header_block import OK_TRAILERS, Metadata, trailers_block
from ticker_server.errors import TickerError

__all__ = ["CallFailed", "trailers_of", "trailers_of_status"]


class CallFailed(Exception):
    """Raised by a handler: ends its call with a status.

    `code` is that of google.rpc.Code, `message` is for people, and `details` are the bytes of a google.rpc.Status.
    """

    def __init__(self, code: int, message: str, details: bytes = b"") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = details

    def trailers(self, metadata: Metadata = ()) -> bytes:
        """Return the header block that ends a call so, with trailing metadata of its own."""
        return trailers_block(self.code, self.message, self.details, metadata)


def trailers_of(error: TickerError | None) -> bytes:
    """Return the header block that ends a call with OK, or with the status of an error."""
    return OK_TRAILERS if error is None else trailers_of_status(status_of(error))


def trailers_of_status(status: Status, metadata: Metadata = ()) -> bytes:
    """Return the header block that ends a call with a status and its details."""
    details = status.SerializeToString() if status.details else b""
    return trailers_block(status.code, status.message, details, metadata)
