"""A price file on disk or on stdin: checked as a whole before the first tick of it is published."""

from __future__ import annotations

import codecs
import gzip
import hashlib
import io
import os
import shutil
import stat
import tempfile
import zlib
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO, cast

from ticker_client.cli.failures import CommandError

__all__ = ["PriceFile", "open_price_file"]

_CHUNK = 1 << 18
_LONGEST_LINE = 1 << 20
_IN_MEMORY = 1 << 24
_GZIP_MAGIC = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class PriceFile:
    """An open file that is known to be UTF-8 text without NUL.

    `size` is that of the text in bytes; `digest` is a hash of the text, the same whether it was compressed or not.
    """

    name: str
    size: int
    digest: str
    content: IO[bytes]

    def lines(self) -> Iterator[str]:
        """Yield the lines with their ends, without a byte order mark."""
        self.content.seek(0)
        text = io.TextIOWrapper(self.content, encoding="utf-8-sig", newline="")
        try:
            # Not from the wrapper itself, which would be closed with this generator, and the file with it.
            yield from iter(text.readline, "")
        except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
            raise CommandError("INVALID_FILE", f"{self.name} changed while it was read: {error}") from None
        finally:
            # Else the wrapper would close the file. One that is closed already cannot be let go, and need not be.
            if not self.content.closed:
                text.detach()

    def position(self) -> int:
        """Return how many bytes of the text have been read."""
        return self.content.tell()


@contextmanager
def open_price_file(path: str, stdin: BinaryIO) -> Generator[PriceFile]:
    """Open a file, or stdin for `-`, and read it through once; gzip is read as it is.

    What can be read only once, such as a pipe, is kept in a temporary file meanwhile.

    Raises:
        CommandError: there is no such file, it cannot be read, or it is no text.
    """
    name = "stdin" if path == "-" else path
    with ExitStack() as stack:
        source = stdin if path == "-" else stack.enter_context(_open(path))
        raw = source if _can_be_read_again(source) else stack.enter_context(_spooled(source))
        content: IO[bytes] = raw
        if raw.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC:
            content = cast("IO[bytes]", stack.enter_context(gzip.GzipFile(fileobj=raw, mode="rb")))
        elif path.endswith(".gz"):
            raise CommandError("INVALID_FILE", f"{name} is not gzip, though its name says so")
        raw.seek(0)
        size, digest = _read_through(content, name)
        yield PriceFile(name=name, size=size, digest=digest, content=content)


def _open(path: str) -> BinaryIO:
    try:
        return Path(path).open("rb")
    except FileNotFoundError:
        raise CommandError("FILE_NOT_FOUND", f"{path} does not exist") from None
    except IsADirectoryError:
        raise CommandError("FILE_UNREADABLE", f"{path} is a directory, not a file") from None
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise CommandError("FILE_UNREADABLE", f"{path} cannot be read: {why}") from None


def _can_be_read_again(source: BinaryIO) -> bool:
    try:
        return stat.S_ISREG(os.fstat(source.fileno()).st_mode)
    except OSError:
        return False


@contextmanager
def _spooled(source: BinaryIO) -> Generator[IO[bytes]]:
    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as copy:
        shutil.copyfileobj(source, copy)
        copy.seek(0)
        yield copy


def _read_through(content: IO[bytes], name: str) -> tuple[int, str]:
    checker = _TextChecker(name)
    digest = hashlib.blake2b(digest_size=16)
    try:
        while chunk := content.read(_CHUNK):
            checker.feed(chunk)
            digest.update(chunk)
    except (OSError, EOFError, zlib.error) as error:
        raise CommandError("INVALID_FILE", f"{name} is damaged or not gzip: {error}") from None
    checker.finish()
    return checker.size, digest.hexdigest()


class _TextChecker:
    """Refuses what is no text, and says on which line."""

    def __init__(self, name: str) -> None:
        self.size = 0
        self._name = name
        self._line = 1
        self._since_line_end = 0
        self._decoder = codecs.getincrementaldecoder("utf-8")()

    def feed(self, chunk: bytes) -> None:
        if (nul := chunk.find(0)) >= 0:
            raise self._refusal(f"has a NUL byte on line {self._line + chunk[:nul].count(10)}; it is no text file")
        self._decode(chunk)
        self.size += len(chunk)
        self._line += chunk.count(10)
        last_end = max(chunk.rfind(b"\n"), chunk.rfind(b"\r"))
        self._since_line_end = len(chunk) - last_end - 1 + (self._since_line_end if last_end < 0 else 0)
        if self._since_line_end > _LONGEST_LINE:
            raise self._refusal(f"has a line of more than {_LONGEST_LINE >> 20} MiB, line {self._line}; it is no CSV")

    def finish(self) -> None:
        self._decode(b"", final=True)
        if self.size == 0:
            raise self._refusal("is empty")

    def _decode(self, chunk: bytes, *, final: bool = False) -> None:
        try:
            self._decoder.decode(chunk, final)
        except UnicodeDecodeError as error:
            line = self._line + error.object[: error.start].count(10)
            byte = error.object[error.start]
            raise self._refusal(f"is not UTF-8 text: byte 0x{byte:02x} on line {line}") from None

    def _refusal(self, fault: str) -> CommandError:
        return CommandError("INVALID_FILE", f"{self._name} {fault}")
