from __future__ import annotations

import pytest

from tests.support.command_lines import Run
from ticker_server.version import VERSION


def test_version(ticker_server: Run) -> None:
    """The version is one line on stdout."""
    assert ticker_server("--version") == (0, f"ticker-server {VERSION}\n", "")


@pytest.mark.parametrize("arguments", [["--help"], ["serve", "--help"], ["demo", "--help"]])
def test_help(ticker_server: Run, arguments: list[str]) -> None:
    """Help goes to stdout, and asking for it is no mistake."""
    code, output, errors = ticker_server(*arguments)

    assert (code, errors) == (0, "")
    assert output.startswith("Usage: ticker-server")


def test_no_command_shows_help(ticker_server: Run) -> None:
    """Without a command the help is shown, as a mistake of usage."""
    code, output, errors = ticker_server()

    assert code == 2
    assert "Usage: ticker-server" in output + errors
    assert "error:" not in errors


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["serve", "--prot", "1"], "No such option: --prot"),
        (["serve", "surplus"], "surplus"),
        (["serve", "--port"], "--port"),
        (["serve", "--port", "abc"], "--port"),
        (["serve", "--log-level", "loud"], "--log-level"),
        (["sevre"], "No such command 'sevre'"),
    ],
)
def test_misuse_is_one_line(ticker_server: Run, arguments: list[str], message: str) -> None:
    """A flag or command that is not known is one line on stderr, with the way to the help."""
    code, output, errors = ticker_server(*arguments)

    assert (code, output) == (2, "")
    assert errors.startswith("error: USAGE: ")
    assert message in errors
    assert errors.rstrip().endswith("--help")
    assert errors.count("\n") == 1
