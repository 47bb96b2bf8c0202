"""Who calls."""

from __future__ import annotations

from ticker_server.api.caller import Caller


def test_caller_without_credentials_is_nobody() -> None:
    """A caller of which nothing is known has no principal and no deadline."""
    caller = Caller()

    assert caller.principal == ""
    assert caller.deadline is None
