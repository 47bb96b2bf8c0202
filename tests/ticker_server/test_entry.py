from __future__ import annotations

import subprocess
import sys
import tomllib
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from importlib.metadata import packages_distributions
from pathlib import Path
from types import ModuleType

import pytest

from ticker_server import entry

PROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"
OPTIONAL = {"uvloop"}


class RaisingFinder:
    """Makes the import of one module raise an error, as if it happened in there."""

    def __init__(self, name: str, error: BaseException) -> None:
        self._name = name
        self._error = error

    def find_spec(
        self, name: str, _path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Raise the error for the module, and leave the others to other finders."""
        if name == self._name:
            raise self._error
        return None


def run_main(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> int | str | None:
    """Run the entry while the import of the command line raises an error; return the exit code."""
    monkeypatch.delitem(sys.modules, "ticker_server.cli", raising=False)
    monkeypatch.setattr(sys, "meta_path", [RaisingFinder("ticker_server.cli", error), *sys.meta_path])
    with pytest.raises(SystemExit) as leaving:
        entry.main()
    return leaving.value.code


def test_client_only_install_says_what_to_install() -> None:
    """Where only the client is installed, the command says in one line what to install, and exits with 2."""
    absent = "import sys; sys.modules.update(dict.fromkeys(['structlog', 'sqlalchemy', 'pydantic', 'alembic'])); "

    done = subprocess.run(
        [sys.executable, "-c", absent + "from ticker_server.entry import main; main()"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert (done.returncode, done.stdout, done.stderr) == (2, "", "install stock-ticker[server]\n")


@pytest.mark.parametrize("name", sorted(entry._SERVER_PACKAGES))
def test_any_missing_package_of_the_server(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """Whichever package of the server is missing, or a part of one, the answer is the same."""
    missing = ModuleNotFoundError(f"No module named '{name}.sub'", name=f"{name}.sub")

    assert run_main(monkeypatch, missing) == 2
    assert capsys.readouterr().err == "install stock-ticker[server]\n"


def test_packages_are_those_of_the_extra() -> None:
    """The packages that are looked for are exactly those that the extra brings, except what is optional."""
    extra = tomllib.loads(PROJECT.read_text())["project"]["optional-dependencies"]["server"]
    wanted = {line.partition(">=")[0].partition("[")[0] for line in extra} - OPTIONAL
    found = packages_distributions()

    assert {found[package][0].lower() for package in entry._SERVER_PACKAGES} - {"pydantic"} == wanted


def test_other_missing_module_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """A module of our own that is missing is no matter of installing, and is not hidden."""
    with pytest.raises(ModuleNotFoundError):
        run_main(monkeypatch, ModuleNotFoundError("No module named 'ticker_server.x'", name="ticker_server.x"))


def test_interruption_while_starting(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Ctrl-C while the program is still being loaded ends it with 130 and without a word."""
    assert run_main(monkeypatch, KeyboardInterrupt()) == 130
    assert capsys.readouterr().err == ""
