"""The command line as typed."""

from __future__ import annotations

import pytest

from ticker_client.cli.argv import globals_first


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        (["list", "--user", "ana"], ["--user", "ana", "list"]),
        (["--json", "list"], ["--json", "list"]),
        (["watch", "AAPL", "--json", "--count", "3"], ["--json", "watch", "AAPL", "--count", "3"]),
        (["list", "--target=a:1", "--user=ana"], ["--target=a:1", "--user=ana", "list"]),
        (["stocks", "list", "--user"], ["--user", "stocks", "list"]),
        (["add", "--", "--json"], ["add", "--", "--json"]),
        (["list", "--userx", "ana"], ["list", "--userx", "ana"]),
        ([], []),
    ],
)
def test_global_options_may_stand_anywhere(typed: list[str], expected: list[str]) -> None:
    """Global options move before the command with their values, all else keeps its order."""
    assert globals_first(typed) == expected
