"""What a module offers to others is said by its `__all__`."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import ticker_client

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("ticker_client", "ticker_server")


def modules_with_exports() -> list[str]:
    """Return the names of all modules that have an `__all__`."""
    names = []
    for path in sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py")):
        if "__all__" in path.read_text():
            parts = path.relative_to(ROOT).with_suffix("").parts
            names.append(".".join(part for part in parts if part != "__init__"))
    return names


def as_sorted(names: list[str]) -> list[str]:
    """Sort names as the linter does: CONSTANTS, then Classes, then functions."""
    return sorted(names, key=lambda name: (not name.isupper(), not name[0].isupper(), name))


def public_definitions(path: Path) -> set[str]:
    """Return the public classes and functions that a file defines at its top level."""
    kinds = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    names = {node.name for node in ast.parse(path.read_text()).body if isinstance(node, kinds)}
    return {name for name in names if not name.startswith("_")}


@pytest.mark.parametrize("name", modules_with_exports())
def test_exports_are_sorted_and_exist(name: str) -> None:
    """Each name of `__all__` exists, stands there once, and in order."""
    module = importlib.import_module(name)
    exports = list(module.__all__)

    assert as_sorted(exports) == exports
    assert len(set(exports)) == len(exports)
    assert not [export for export in exports if not hasattr(module, export)]


def test_client_offers_what_its_users_need() -> None:
    """The client's package re-exports every public class of its models, events and errors."""
    needed = set().union(
        *(public_definitions(ROOT / f"ticker_client/{name}.py") for name in ("errors", "events", "models"))
    )
    needed = {name for name in needed if name[0].isupper()}

    assert not needed - set(ticker_client.__all__)


def test_importing_the_sdk_imports_no_grpc() -> None:
    """The SDK imports gRPC on first use, so that the command can be interrupted while it does."""
    code = "import sys, ticker_client, ticker_client.cli; sys.exit('grpc' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_unknown_name_of_the_sdk_is_an_attribute_error() -> None:
    """A name that the SDK does not have is missed as from any module."""
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = ticker_client.Nothing
