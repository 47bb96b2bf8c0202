"""What the system knows of processes that are not children of ours."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterable
from pathlib import Path

PROC = Path("/proc")
POLL_SECONDS = 0.02


def children_of(pid: int) -> list[int]:
    """Return the processes that a process has started and that have not ended."""
    return [child for child, (state, parent) in _processes().items() if parent == pid and state != "Z"]


def is_gone(pid: int) -> bool:
    """Tell whether a process has ended; one that only waits for its parent to notice has."""
    state, _ = _processes().get(pid, ("Z", 0))
    return state == "Z"


def wait_until_gone(pids: Iterable[int], seconds: float = 30.0) -> None:
    """Wait until processes that are not children of ours have ended, which no event tells.

    Raises:
        TimeoutError: the time is over.
    """
    deadline = time.monotonic() + seconds
    waiting = list(pids)
    while waiting := [pid for pid in waiting if not is_gone(pid)]:
        if time.monotonic() > deadline:
            raise TimeoutError(f"these processes do not end: {waiting}")
        time.sleep(POLL_SECONDS)


def _processes() -> dict[int, tuple[str, int]]:
    """Return the state (one letter, Z for ended) and the parent of each process."""
    if not (PROC / "self").exists():
        listed = subprocess.run(["ps", "-A", "-o", "pid=,state=,ppid="], capture_output=True, text=True, check=True)
        rows = (line.split() for line in listed.stdout.splitlines())
        return {int(pid): (state[0], int(parent)) for pid, state, parent in rows}
    found = {}
    for folder in PROC.iterdir():
        if folder.name.isdecimal():
            try:
                # After the name, which stands in parentheses and may hold anything: state, parent.
                state, parent = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()[:2]
            except (FileNotFoundError, ProcessLookupError):
                continue  # it has ended in the meantime
            found[int(folder.name)] = (state, int(parent))
    return found
