"""The file of an import, on disk or on stdin, compressed or not: its lines, one after the other."""

from __future__ import annotations

import gzip
import io
import os
import stat
import zlib
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from ticker_server.catalog.bulk.refusals import FileInvalid, FileMissing, FileUnreadable

__all__ = ["ImportFile", "open_import_file"]

_LONGEST_LINE = 1 << 20
_GZIP_MAGIC = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class ImportFile:
    """An open file. `size` is that on disk in bytes, compressed or not; None = not known, as of a pipe."""

    name: str
    size: int | None
    source: io.BufferedReader
    content: IO[bytes]

    def lines(self) -> Iterator[str]:
        """Yield the lines with their ends, without a byte order mark; to be called once.

        A byte that is not UTF-8 becomes a character that no rule of a value allows, so its row is a bad one.

        Raises:
            FileInvalid: The text ends in the middle, is damaged, or has a line that no row can have.
        """
        text = io.TextIOWrapper(self.content, encoding="utf-8-sig", errors="surrogateescape", newline="")
        number = 0
        try:
            while line := text.readline(_LONGEST_LINE):
                number += 1
                if len(line) == _LONGEST_LINE:
                    raise FileInvalid(
                        f"{self.name} has a line of more than {_LONGEST_LINE} characters, line {number}; it is no CSV"
                    )
                yield line
        except (OSError, EOFError, zlib.error) as error:
            raise FileInvalid(f"{self.name} is damaged or ends too early, after line {number}: {error}") from error
        finally:
            # Else the wrapper would close the file. One that is closed already cannot be let go, and need not be.
            if not self.content.closed:
                text.detach()

    def position(self) -> int:
        """Return how many bytes of `size` have been read; 0 where the size is not known."""
        return 0 if self.size is None else self.source.tell()


@contextmanager
def open_import_file(path: str, stdin: io.BufferedReader) -> Generator[ImportFile]:
    """Open a file, or stdin for `-`; gzip is read as it is. Nothing is kept: the file is read as it is imported.

    Raises:
        FileMissing: There is no such file.
        FileUnreadable: It cannot be opened or read.
        FileInvalid: Its name says gzip and its content does not.
    """
    name = "stdin" if path == "-" else path
    with ExitStack() as stack:
        source = stdin if path == "-" else stack.enter_context(_opened(path))
        content: IO[bytes] = source
        if _begins_as_gzip(source, name):
            content = cast("IO[bytes]", stack.enter_context(gzip.GzipFile(fileobj=source, mode="rb")))
        elif path.endswith(".gz"):
            raise FileInvalid(f"{name} is not gzip, though its name says so")
        yield ImportFile(name, _size(source), source, content)


def _opened(path: str) -> io.BufferedReader:
    try:
        return Path(path).open("rb")
    except FileNotFoundError as error:
        raise FileMissing(f"{path} does not exist") from error
    except IsADirectoryError as error:
        raise FileUnreadable(f"{path} is a directory, not a file") from error
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise FileUnreadable(f"{path} cannot be read: {why}") from error


def _begins_as_gzip(source: io.BufferedReader, name: str) -> bool:
    try:
        return source.peek(len(_GZIP_MAGIC)).startswith(_GZIP_MAGIC)
    except OSError as error:
        raise FileUnreadable(f"{name} cannot be read: {error.strerror}") from error


def _size(source: io.BufferedReader) -> int | None:
    try:
        status = os.fstat(source.fileno())
    except OSError:  # not a file of the system
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None
