"""The wheel as its users get it: the client alone, in an environment that has nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent

pytestmark = pytest.mark.timeout(300)  # a machine without uv's cache downloads the client's packages first


class Installation(NamedTuple):
    """A wheel, and the environment in which it was installed without extras."""

    wheel: Path
    commands: Path


def find_uv() -> str:
    """Return the uv that scripts/test provides."""
    found = os.environ.get("UV") or shutil.which("uv") or str(ROOT / ".cache/uv/bin/uv")
    assert Path(found).is_file(), "these tests need uv; scripts/test provides it"
    return found


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a command outside the checkout's environment and return what it printed."""
    environment = {key: value for key, value in os.environ.items() if key not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    return subprocess.run(
        [str(part) for part in command], check=False, capture_output=True, text=True, cwd="/", env=environment
    )


@pytest.fixture(autouse=True)
def transport() -> None:
    """Have no transport: nothing here serves, so nothing runs twice."""


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """Build the wheel and install it without extras."""
    folder, uv = tmp_path_factory.mktemp("wheel"), find_uv()
    steps = (
        (uv, "build", "--wheel", "--quiet", "--out-dir", folder, ROOT),
        (uv, "venv", "--quiet", "--no-project", "--python", sys.executable, folder / "environment"),
    )
    for step in steps:
        done = run(*step)
        assert done.returncode == 0, done.stderr
    [wheel] = folder.glob("stock_ticker-*.whl")
    done = run(uv, "pip", "install", "--quiet", "--python", folder / "environment", wheel)
    assert done.returncode == 0, done.stderr
    return Installation(wheel, folder / "environment" / "bin")


def test_wheel_holds_both_packages_and_the_generated_code(installation: Installation) -> None:
    """The wheel holds client, server, generated code, type markers and licence, and nothing of the checkout besides."""
    names = zipfile.ZipFile(installation.wheel).namelist()
    tops = {name.split("/")[0] for name in names if ".dist-info/" not in name}

    assert tops == {"ticker", "ticker_client", "ticker_server"}
    assert "ticker/v1/watch_service_pb2_grpc.pyi" in names
    assert "ticker_client/py.typed" in names
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)


def test_client_alone_shows_its_help(installation: Installation) -> None:
    """The command ticker works without the server's packages."""
    done = run(installation.commands / "ticker", "--help")

    assert (done.returncode, done.stderr) == (0, "")
    assert "watch" in done.stdout


def test_client_alone_is_imported_without_side_effects(installation: Installation) -> None:
    """Importing the SDK brings in no package of the server and starts nothing."""
    check = (
        "import sys, threading, ticker_client; "
        "print(sorted({'ticker_server', 'sqlalchemy', 'structlog', 'typer'} & set(sys.modules)), threading.active_count())"
    )
    done = run(installation.commands / "python", "-c", check)

    assert (done.returncode, done.stdout) == (0, "[] 1\n"), done.stderr


def test_server_command_of_a_client_says_what_to_install(installation: Installation) -> None:
    """The command ticker-server ends with exit code 2 and names the extra that it needs."""
    done = run(installation.commands / "ticker-server", "serve")

    assert done.returncode == 2
    assert "install stock-ticker[server]" in done.stderr
    assert "Traceback" not in done.stderr
