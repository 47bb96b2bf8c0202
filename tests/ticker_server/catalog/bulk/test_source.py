"""The file of an import."""

from __future__ import annotations

import gzip
import io
import os
from pathlib import Path

import pytest

from ticker_server.catalog.bulk.refusals import FileInvalid, FileMissing, FileUnreadable, ImportRefused
from ticker_server.catalog.bulk.source import open_import_file

TEXT = "user_id\nana\n"
LINES = ["user_id\n", "ana\n"]


def no_stdin() -> io.BufferedReader:
    """Return a stdin with nothing in it."""
    return io.BufferedReader(io.BytesIO())


def written(folder: Path, content: bytes, name: str = "users.csv") -> str:
    """Write a file and return its path."""
    path = folder / name
    path.write_bytes(content)
    return str(path)


def refusal(path: str, kind: type[ImportRefused]) -> str:
    """Return how a file is refused."""
    with pytest.raises(kind) as caught, open_import_file(path, no_stdin()) as file:
        list(file.lines())
    return str(caught.value)


def test_a_file_has_lines_and_a_position(tmp_path: Path) -> None:
    """Lines keep their ends, a byte order mark is no part of them, and the position reaches the size."""
    content = b"\xef\xbb\xbf" + TEXT.replace("\n", "\r\n").encode()
    with open_import_file(written(tmp_path, content), no_stdin()) as file:
        assert list(file.lines()) == ["user_id\r\n", "ana\r\n"]
        assert file.size == file.position() == len(content)


@pytest.mark.parametrize("name", ["users.csv.gz", "users.csv"])
def test_gzip_is_read_as_it_is(tmp_path: Path, name: str) -> None:
    """A compressed file is known by its content, and its position is that in the file on disk."""
    content = gzip.compress(TEXT.encode(), mtime=0)
    with open_import_file(written(tmp_path, content, name), no_stdin()) as file:
        assert list(file.lines()) == LINES
        assert file.size == file.position() == len(content)


@pytest.mark.parametrize("content", [TEXT.encode(), gzip.compress(TEXT.encode(), mtime=0)])
def test_stdin_is_read_as_it_comes(content: bytes) -> None:
    """A pipe has no size and is read once, compressed or not."""
    reading, writing = os.pipe()
    os.write(writing, content)
    os.close(writing)
    with os.fdopen(reading, "rb") as stdin, open_import_file("-", stdin) as file:
        assert file.size is None
        assert list(file.lines()) == LINES
        assert file.position() == 0
        assert file.name == "stdin"


def test_stdin_without_a_file_of_the_system_has_no_size() -> None:
    """What stands in for stdin need not be a file."""
    with open_import_file("-", io.BufferedReader(io.BytesIO(TEXT.encode()))) as file:
        assert file.size is None
        assert list(file.lines()) == LINES


def test_a_byte_that_is_no_text_stays_in_its_line(tmp_path: Path) -> None:
    """A byte that is not UTF-8 spoils its row, not the file."""
    with open_import_file(written(tmp_path, b"user_id\nan\xff\nbob\n"), no_stdin()) as file:
        assert list(file.lines()) == ["user_id\n", "an\udcff\n", "bob\n"]


def test_reading_may_be_given_up(tmp_path: Path) -> None:
    """Lines that nobody wants any longer do not outlive the file."""
    with open_import_file(written(tmp_path, TEXT.encode()), no_stdin()) as file:
        lines = file.lines()
        assert next(lines) == "user_id\n"

    lines.close()


def test_a_file_that_cannot_be_read_is_refused_by_name(tmp_path: Path) -> None:
    """What is missing, a directory, or no name at all is told in one line."""
    assert refusal(str(tmp_path / "no.csv"), FileMissing).endswith("no.csv does not exist")
    assert refusal(str(tmp_path), FileUnreadable).endswith("is a directory, not a file")
    assert "cannot be read: " in refusal("a\0b", FileUnreadable)


def test_a_name_that_says_gzip_is_believed(tmp_path: Path) -> None:
    """A `.gz` that is none is refused, before anything of it is imported."""
    assert "is not gzip, though its name says so" in refusal(
        written(tmp_path, TEXT.encode(), "users.csv.gz"), FileInvalid
    )


def test_gzip_that_ends_too_early_is_told_with_the_last_line(tmp_path: Path) -> None:
    """A download that broke off is noticed, and what came before is named."""
    content = gzip.compress(os.urandom(20_000).hex(sep="\n").encode())
    assert "is damaged or ends too early, after line " in refusal(written(tmp_path, content[:-9000]), FileInvalid)


def test_a_line_that_never_ends_is_no_csv(tmp_path: Path) -> None:
    """A file without line ends is refused instead of read into memory."""
    told = refusal(written(tmp_path, b"user_id\n" + b"a" * (1 << 20)), FileInvalid)

    assert "has a line of more than 1048576 characters, line 2" in told
