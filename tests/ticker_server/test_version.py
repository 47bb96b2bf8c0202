from __future__ import annotations

import tomllib
from pathlib import Path

from ticker_server.version import VERSION

PROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"


def test_version_is_that_of_the_package() -> None:
    """The version is the one that the project declares."""
    assert tomllib.loads(PROJECT.read_text())["project"]["version"] == VERSION
