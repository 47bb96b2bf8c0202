"""The file that keeps where a watch stands."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from ticker_client.cli.failures import CommandError
from ticker_client.cli.resume_file import ResumeFile
from ticker_client.resume import Position, Resume

HERE = Resume("e-1", (Position("AAPL", 70, 7),))
THERE = Resume("e-1", (Position("AAPL", 80, 8),))


def test_what_was_written_is_read(tmp_path: Path) -> None:
    """A file is read as it was written, and nothing is left beside it."""
    file = ResumeFile(tmp_path / "here.json")
    file.write(HERE)
    file.write(THERE)

    assert file.read() == THERE
    assert [path.name for path in tmp_path.iterdir()] == ["here.json"]


def test_a_missing_file_is_a_fresh_start(tmp_path: Path) -> None:
    """There is nothing to read before the first command, and nothing is written before anything was seen."""
    file = ResumeFile(tmp_path / "here.json")
    file.write(Resume())

    assert file.read() is None
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff\xfe"])
def test_something_else_is_not_overwritten(tmp_path: Path, content: bytes) -> None:
    """A file that is no position is refused."""
    path = tmp_path / "notes"
    path.write_bytes(content)
    with pytest.raises(CommandError) as caught:
        ResumeFile(path).read()

    assert caught.value.reason == "INVALID_FILE"


def test_what_cannot_be_read_or_written_is_told(tmp_path: Path) -> None:
    """A directory in place of the file, and a folder that does not exist, are errors of the command."""
    with pytest.raises(CommandError) as unreadable:
        ResumeFile(tmp_path).read()
    with pytest.raises(CommandError) as unwritable:
        ResumeFile(tmp_path / "missing" / "here.json").write(HERE)

    assert (unreadable.value.reason, unwritable.value.reason) == ("FILE_UNREADABLE", "OUTPUT_FAILED")


class Steps:
    """A sleep that ends when a test says so."""

    def __init__(self) -> None:
        self.begun, self.due = asyncio.Queue[float](), asyncio.Queue[None]()

    async def sleep(self, seconds: float) -> None:
        """Wait for the test."""
        self.begun.put_nowait(seconds)
        await self.due.get()

    async def pass_by(self) -> None:
        """Let one sleep end, and wait for the next one."""
        self.due.put_nowait(None)
        await self.begun.get()


async def test_it_is_kept_while_the_watch_runs_and_at_its_end(tmp_path: Path) -> None:
    """The file follows every few seconds, and has the last word when the block is over; no task is left."""
    steps, stands = Steps(), [Resume()]
    file = ResumeFile(tmp_path / "here.json", steps.sleep)
    async with file.keeping(lambda: stands[0]):
        assert await steps.begun.get() == 5
        stands[0] = HERE
        await steps.pass_by()
        assert file.read() == HERE
        stands[0] = THERE

    assert file.read() == THERE
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_disk_that_was_full_for_a_while_is_no_matter(tmp_path: Path) -> None:
    """A write in between that failed is made up for by the next one; only the last one is told."""
    steps, stands, folder = Steps(), [Resume()], tmp_path / "later"
    file = ResumeFile(folder / "here.json", steps.sleep)
    async with file.keeping(lambda: stands[0]):
        await steps.begun.get()
        stands[0] = HERE
        await steps.pass_by()
        folder.mkdir()
        await steps.pass_by()
        assert file.read() == HERE


async def test_the_last_write_tells_that_it_failed(tmp_path: Path) -> None:
    """Where the command stands at its end must be in the file, or the command fails."""
    stands = [Resume()]

    async def work() -> None:
        async with ResumeFile(tmp_path / "missing" / "here.json").keeping(lambda: stands[0]):
            stands[0] = HERE

    with pytest.raises(CommandError, match="cannot be written"):
        await work()
