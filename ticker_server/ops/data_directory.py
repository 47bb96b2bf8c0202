"""The data directory of the embedded profile: made if missing, locked against a second process."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ticker_server.errors import CannotStart

__all__ = ["DATABASE_NAME", "DataDirectoryUnusable", "locked_data_directory"]

DATABASE_NAME = "ticker.db"
_LOCK_NAME = "ticker.lock"


class DataDirectoryUnusable(CannotStart):
    """The data directory cannot be used; the message says why and what to do."""

    reason = "DATA_DIRECTORY_UNUSABLE"
    exit_code = 4

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"data directory {path} {why}; give another one with --data-dir")


@contextmanager
def locked_data_directory(path: Path) -> Iterator[Path]:
    """Hold the directory for this process and yield the path of its database file.

    Raises:
        DataDirectoryUnusable: It cannot be made or written, or another process holds it.
    """
    lock = _opened_lock(path)
    try:
        _take(lock, path)
        yield path / DATABASE_NAME
    finally:
        os.close(lock)


def _opened_lock(path: Path) -> int:
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(path / _LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except FileExistsError as error:
        raise DataDirectoryUnusable(path, "cannot be used: it is a file") from error
    except OSError as error:
        raise DataDirectoryUnusable(path, f"cannot be used: {error.strerror}") from error
    return lock


def _take(lock: int, path: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise DataDirectoryUnusable(path, "is in use by another process (stop it first)") from error
    except OSError as error:
        raise DataDirectoryUnusable(path, f"cannot be locked: {error.strerror}") from error
    if not os.access(path, os.W_OK):
        raise DataDirectoryUnusable(path, "is not writable")
