"""The machine that is measured on: what it is, and what a run takes of it."""

from __future__ import annotations

import os
import platform
import resource
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from scripts.benchmarks.errors import BenchFailed

__all__ = ["Cores", "describe", "raise_file_limit"]

_PACKAGES = ("grpcio", "protobuf", "uvloop")


class Cores:
    """The cores for both sides of a measurement, one each; None where there is only one for both."""

    def __init__(self) -> None:
        cores = sorted(os.sched_getaffinity(0))
        self.reader, self.server = (cores[0], cores[-1]) if len(cores) > 1 else (None, None)


def describe() -> Mapping[str, str]:
    """Return what a figure is worth nothing without."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "processor": _processor(),
        "cores": str(len(os.sched_getaffinity(0))),
        "system": f"{platform.system()} {platform.release()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        **{package: _version(package) for package in _PACKAGES},
    }


def raise_file_limit(needed: int) -> None:
    """Allow this process and its children so many open files. Raises BenchFailed if the system does not."""
    if sys.platform != "linux":
        raise BenchFailed("this benchmark needs Linux: epoll, and the CPU clocks of other processes")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise BenchFailed(f"{needed} open files are needed, and {hard} allowed: raise the limit, or take --quick")
    if soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
