"""What ends an import."""

from __future__ import annotations

import pytest

from ticker_server.catalog.bulk import refusals
from ticker_server.errors import CannotStart


@pytest.mark.parametrize("name", [name for name in refusals.__all__ if name != "ImportRefused"])
def test_an_end_has_a_reason_and_an_exit_code(name: str) -> None:
    """A file at fault ends the command with 2, a database that is away with 4, and each says its reason."""
    kind: type[CannotStart] = getattr(refusals, name)

    assert kind.exit_code == (4 if name == "ImportStopped" else 2)
    assert kind.reason == kind.reason.upper()
