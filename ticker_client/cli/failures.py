"""How a command fails: the exit codes, and the one line on stderr."""

from __future__ import annotations

import sys
from enum import IntEnum

from ticker_client.errors import PermissionDenied, ServerUnreachable, TickerError, Unauthenticated

__all__ = ["CommandError", "ExitCode", "exit_code_of", "shown", "tell"]

SHOWN_INPUT_LENGTH = 64


class ExitCode(IntEnum):
    """What the exit code of `ticker` means."""

    OK = 0
    ANSWERED_ERROR = 1
    USAGE = 2
    UNREACHABLE = 3
    CREDENTIALS_REFUSED = 4
    TICKS_NOT_PUBLISHED = 5
    INTERRUPTED = 130


class CommandError(Exception):
    """A command cannot go on, for a reason found on this side; `reason` and `message` make the line on stderr."""

    def __init__(self, reason: str, message: str, exit_code: ExitCode = ExitCode.USAGE) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.exit_code = exit_code


def exit_code_of(error: TickerError) -> ExitCode:
    """Return the exit code for an error of the SDK."""
    if isinstance(error, Unauthenticated | PermissionDenied):
        return ExitCode.CREDENTIALS_REFUSED
    if isinstance(error, ServerUnreachable):
        return ExitCode.UNREACHABLE
    return ExitCode.ANSWERED_ERROR


def tell(reason: str, message: str) -> None:
    """Write one error line to stderr; line breaks of the message are folded away."""
    one_line = " ".join(message.split())
    print(f"error: {reason}: {one_line}", file=sys.stderr, flush=True)


def shown(text: str) -> str:
    """Return input as it may stand in a message: quoted, without control characters, at most 64 characters of it."""
    cut = text[:SHOWN_INPUT_LENGTH] + ("..." if len(text) > SHOWN_INPUT_LENGTH else "")
    visible = "".join(character if character.isprintable() else ascii(character)[1:-1] for character in cut)
    return f'"{visible}"'
