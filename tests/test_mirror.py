"""Each source module has a test file of its own at the mirrored path, and keeps to the house numbers."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("ticker_client", "ticker_server")
LONGEST_MODULE = 350
LONGEST_BODY = 40  # of a function, its signature not counted: that of a command is its list of flags
DUMPING_GROUNDS = {"base", "common", "helpers", "manager", "utils"}

# Modules without a test file of their own, each with the reason.
UNMIRRORED: dict[str, str] = {
    "ticker_server/fanout/sink.py": "a protocol without behaviour",
    "ticker_server/feed/log.py": "a protocol without behaviour; its adapters have the tests",
    "ticker_server/api/transport/frames/fault.py": "an error without behaviour",
    "ticker_server/api/transport/frames/limits.py": "a record without behaviour",
    "ticker_server/api/transport/frames/methods.py": "records without behaviour",
    "ticker_server/app/backend.py": "a record without behaviour",
    "ticker_server/app/errors.py": "errors without behaviour",
    "ticker_server/cli/options.py": "types of options; the commands that have them are tested",
    "ticker_server/fanout/station.py": "a record without behaviour",
    "ticker_server/model/bar_page.py": "a record without behaviour",
}


def sources() -> list[str]:
    """Return the modules of both packages that hold code of their own, as paths relative to the root."""
    paths = (path.relative_to(ROOT) for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
    return sorted(
        path.as_posix()
        for path in paths
        if path.stem not in {"__init__", "__main__"} and path.parent.name != "versions"
    )


def mirror_of(source: str) -> Path:
    """Return where the tests of a module belong."""
    path = ROOT / "tests" / source
    return path.with_name(f"test_{path.name}")


@pytest.mark.parametrize("source", [source for source in sources() if source not in UNMIRRORED])
def test_module_is_mirrored(source: str) -> None:
    """A module's tests stand at the mirrored path."""
    assert mirror_of(source).is_file(), f"{source} has no {mirror_of(source).relative_to(ROOT)}"


@pytest.mark.parametrize("source", UNMIRRORED)
def test_exception_is_needed(source: str) -> None:
    """An exception names a module that exists and has no test file."""
    assert (ROOT / source).is_file(), f"{source} is gone; drop its exception"
    assert not mirror_of(source).exists(), f"{source} has tests by now; drop its exception"


@pytest.mark.parametrize("package", PACKAGES)
def test_tests_have_a_module(package: str) -> None:
    """A test file mirrors a module that exists; what tests several parts together stands elsewhere."""
    expected = {mirror_of(source) for source in sources()}
    found = set((ROOT / "tests" / package).rglob("test_*.py"))

    assert not {path.relative_to(ROOT).as_posix() for path in found - expected}


@pytest.mark.parametrize("source", sources())
def test_module_keeps_the_house_numbers(source: str) -> None:
    """A module is one noun of readable size, and so are its functions."""
    text = (ROOT / source).read_text()
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    long = [node.name for node in functions if (node.end_lineno or 0) - node.body[0].lineno >= LONGEST_BODY]

    assert len(text.splitlines()) <= LONGEST_MODULE
    assert not long, f"over {LONGEST_BODY} lines: {long}"
    assert Path(source).stem not in DUMPING_GROUNDS
