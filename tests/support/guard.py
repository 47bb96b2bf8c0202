"""Nothing outlives the test run: what happens to started servers when pytest itself is killed."""

from __future__ import annotations

import subprocess
from pathlib import Path

# Reads until its input ends, which it does when pytest ends, however that happens. PostgreSQL takes QUIT as "at once,
# but give the shared memory back"; a frozen server takes it when it goes on.
SCRIPT = """
read -r _
home=$1
shift
kill -QUIT "$@"
kill -CONT "$@"
sleep 1
kill -9 "$@"
rm -rf -- "$home"
"""


class Guard:
    """Kills the processes it guards, and removes their folder, if this process ends before `release`."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._shell: subprocess.Popen[bytes] | None = None

    def protect(self, *pids: int) -> None:
        """Guard these processes, and no longer those of the call before."""
        former = self._shell
        self._shell = subprocess.Popen(
            ["/bin/sh", "-c", SCRIPT, "guard", self._home, *map(str, pids)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        _end(former)

    def release(self) -> None:
        """Guard nothing any more."""
        former, self._shell = self._shell, None
        _end(former)


def _end(shell: subprocess.Popen[bytes] | None) -> None:
    if shell is not None:
        shell.kill()  # before its input ends, which would make it kill
        shell.communicate()
