"""A price file, checked as a whole."""

from __future__ import annotations

import gzip
import io
import os
from pathlib import Path
from typing import BinaryIO

import pytest

from ticker_client.cli.failures import CommandError
from ticker_client.cli.price_file import open_price_file

TEXT = "stock_id,price\nAAPL,1\n"
NO_STDIN = io.BytesIO()


def refusal(path: str, stdin: BinaryIO = NO_STDIN) -> CommandError:
    """Return how a file is refused."""
    with pytest.raises(CommandError) as caught, open_price_file(path, stdin):
        pass
    assert caught.value.exit_code == 2
    assert "\n" not in caught.value.message
    return caught.value


def read(path: Path | str, stdin: BinaryIO = NO_STDIN) -> tuple[list[str], str]:
    """Return the lines and the digest of a file."""
    with open_price_file(str(path), stdin) as file:
        return list(file.lines()), file.digest


def write(folder: Path, content: bytes, name: str = "prices.csv") -> str:
    """Write a file and return its path."""
    path = folder / name
    path.write_bytes(content)
    return str(path)


def test_a_file_is_read_twice_as_the_same_lines(tmp_path: Path) -> None:
    """The lines can be read again after the check, with their ends, and the position moves with them."""
    with open_price_file(write(tmp_path, TEXT.encode()), NO_STDIN) as file:
        assert file.size == len(TEXT)
        assert list(file.lines()) == ["stock_id,price\n", "AAPL,1\n"]
        assert file.position() == len(TEXT)
        assert list(file.lines()) == ["stock_id,price\n", "AAPL,1\n"]


def test_reading_may_be_given_up(tmp_path: Path) -> None:
    """Lines that nobody wants any longer do not outlive the file, nor close it too early."""
    with open_price_file(write(tmp_path, TEXT.encode()), NO_STDIN) as file:
        assert next(file.lines()) == "stock_id,price\n"
        lines = file.lines()
        assert next(lines) == "stock_id,price\n"

    lines.close()


def test_gzip_is_read_as_it_is(tmp_path: Path) -> None:
    """A compressed file is the same file, whatever it is called, and also on stdin."""
    packed = gzip.compress(TEXT.encode(), mtime=0)
    plain = read(write(tmp_path, TEXT.encode()))

    assert read(write(tmp_path, packed, "prices.csv.gz")) == plain
    assert read(write(tmp_path, packed, "packed.csv")) == plain
    assert read("-", io.BytesIO(packed)) == plain


def test_a_pipe_is_read_like_a_file(tmp_path: Path) -> None:
    """What can be read only once is kept while it is needed."""
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as sink:
        sink.write(TEXT.encode())

    with os.fdopen(reading, "rb") as pipe:
        assert read("-", pipe) == read(write(tmp_path, TEXT.encode()))


def test_other_content_has_another_digest(tmp_path: Path) -> None:
    """The digest tells files apart by their text."""
    assert read(write(tmp_path, b"a"))[1] != read(write(tmp_path, b"b"))[1]


def test_a_byte_order_mark_is_no_part_of_the_header(tmp_path: Path) -> None:
    """A file as spreadsheets save it begins with its first column's name."""
    assert read(write(tmp_path, b"\xef\xbb\xbfprice\n"))[0] == ["price\n"]


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """A missing file and a directory are told apart by name."""
    assert refusal(str(tmp_path / "no.csv")).reason == "FILE_NOT_FOUND"
    assert refusal(str(tmp_path)).message == f"{tmp_path} is a directory, not a file"
    assert refusal("a\0b").reason == "FILE_UNREADABLE"


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        (b"", "a.csv", "is empty"),
        (gzip.compress(b"", mtime=0), "a.csv.gz", "is empty"),
        (b"price\n1\n", "a.csv.gz", "is not gzip, though its name says so"),
        (gzip.compress(TEXT.encode() * 99, mtime=0)[:-9], "a.csv.gz", "is damaged"),
        (b"\x1f\x8bnonsense", "a.csv.gz", "is damaged"),
        (b"price\n1\n2\xe9\n", "a.csv", "is not UTF-8 text: byte 0xe9 on line 3"),
        (b"price\n1\n2\xc3", "a.csv", "byte 0xc3 on line 3"),
        ("price\n".encode("utf-16"), "a.csv", "line 1"),
        (b"price\n1\n2\x00\n", "a.csv", "has a NUL byte on line 3"),
        (b"price\n" + b"1" * 3_000_000, "a.csv", "more than 1 MiB, line 2"),
    ],
)
def test_what_is_no_text_is_refused_by_name(tmp_path: Path, content: bytes, name: str, message: str) -> None:
    """A file that is no text is refused as a whole, with its name and the line."""
    path = write(tmp_path, content, name)

    error = refusal(path)

    assert error.reason == "INVALID_FILE"
    assert error.message.startswith(path)
    assert message in error.message


def test_a_bad_byte_is_found_across_the_border_of_what_is_read_at_once(tmp_path: Path) -> None:
    """Letters of several bytes may lie anywhere in a large file, and the line of a bad one is right there too."""
    good = ("x" * 98 + "é\n").encode() * 20_000

    assert len(read(write(tmp_path, good))[0]) == 20_000
    assert "on line 20001" in refusal(write(tmp_path, good + b"\xff")).message


def test_a_file_that_changes_under_the_reader_is_told(tmp_path: Path) -> None:
    """Bytes that were not there at the check end the reading with a refusal, not with a crash."""
    path = write(tmp_path, TEXT.encode())
    with open_price_file(path, NO_STDIN) as file:
        Path(path).write_bytes(TEXT.encode() + b"\xff\n")
        with pytest.raises(CommandError, match="changed while it was read"):
            list(file.lines())
