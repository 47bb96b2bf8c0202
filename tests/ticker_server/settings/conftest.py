from __future__ import annotations

import os

import pytest


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take our own settings out of the environment."""
    for name in [name for name in os.environ if name.startswith("TICKER_")]:
        monkeypatch.delenv(name)
