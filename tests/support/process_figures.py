"""What a process holds at this moment, as the system counts it."""

from __future__ import annotations

import os
import resource
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Holdings:
    """Memory in bytes, open files and sockets, threads, and CPU seconds so far."""

    memory: int
    files: int
    threads: int
    cpu: float


def holdings_of(pid: int) -> Holdings:
    """Return what a process holds."""
    folder = Path(f"/proc/{pid}")
    ticks = sum(int(field) for field in (folder / "stat").read_text().rpartition(")")[2].split()[11:13])
    return Holdings(
        memory=int((folder / "statm").read_text().split()[1]) * resource.getpagesize(),
        files=sum(1 for _ in (folder / "fd").iterdir()),
        threads=sum(1 for _ in (folder / "task").iterdir()),
        cpu=ticks / os.sysconf("SC_CLK_TCK"),
    )
