"""What ends a whole connection."""

from __future__ import annotations

from ticker_server.api.transport.frames.frame import ErrorCode

__all__ = ["Fault"]


class Fault(Exception):
    """The peer broke a rule that a connection cannot outlive (RFC 9113, section 5.4.1), or went beyond an allowance."""

    def __init__(self, code: ErrorCode, text: str) -> None:
        super().__init__(f"{code.name}: {text}")
        self.code = code
        self.text = text
