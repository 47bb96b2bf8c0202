"""How a command fails."""

from __future__ import annotations

import pytest

from ticker_client.cli.failures import ExitCode, exit_code_of, shown, tell
from ticker_client.errors import (
    InvalidArgument,
    NotFound,
    PermissionDenied,
    ServerUnreachable,
    TickerError,
    Unauthenticated,
    Unavailable,
    WatchBroken,
)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (InvalidArgument("INVALID_PRICE", "no"), 1),
        (NotFound("STOCK_NOT_FOUND", "no"), 1),
        (Unavailable("DATABASE_UNAVAILABLE", "no"), 1),
        (ServerUnreachable("no"), 3),
        (WatchBroken("no"), 3),
        (Unauthenticated("TOKEN_EXPIRED", "no"), 4),
        (PermissionDenied("ROLE_REQUIRED", "no"), 4),
    ],
)
def test_each_kind_of_error_has_its_exit_code(error: TickerError, expected: int) -> None:
    """Answers, silence and refused credentials are told apart by the exit code."""
    assert exit_code_of(error) == expected


def test_the_exit_codes_are_those_that_scripts_know() -> None:
    """The numbers are part of the interface."""
    assert [code.value for code in ExitCode] == [0, 1, 2, 3, 4, 5, 130]


def test_an_error_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Line breaks of a message are folded, and markup stays as it is."""
    tell("INTERNAL", "a\n  b [red]c[/red]")

    captured = capsys.readouterr()
    assert captured.err == "error: INTERNAL: a b [red]c[/red]\n"
    assert captured.out == ""


def test_input_is_shown_cut_and_without_control_characters() -> None:
    """What a user wrote cannot move the cursor or flood the terminal."""
    assert shown("a\x1b[2J\nü") == r'"a\x1b[2J\nü"'
    assert shown("x" * 70) == f'"{"x" * 64}..."'
