from __future__ import annotations

import stat
from pathlib import Path

import pytest

from ticker_server.ops.data_directory import DATABASE_NAME, DataDirectoryUnusable, locked_data_directory


def test_directory_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    """A missing directory is made with its parents, and nobody else may look into it."""
    path = tmp_path / "a" / "b"

    with locked_data_directory(path) as database:
        assert database == path / DATABASE_NAME
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
        assert [stat.S_IMODE(entry.stat().st_mode) for entry in path.iterdir()] == [0o600]


def test_second_holder_is_refused(tmp_path: Path) -> None:
    """While the directory is held nobody else gets it; afterwards it can be had again, also after an error."""

    def hold_and_fail() -> None:
        with locked_data_directory(tmp_path), locked_data_directory(tmp_path):
            pass

    with pytest.raises(DataDirectoryUnusable) as refusal:
        hold_and_fail()

    assert str(refusal.value) == (
        f"data directory {tmp_path} is in use by another process (stop it first); give another one with --data-dir"
    )
    with locked_data_directory(tmp_path):
        pass


def test_lock_file_that_was_left_behind_does_no_harm(tmp_path: Path) -> None:
    """The lock is held by a process, not by the file, which stays."""
    with locked_data_directory(tmp_path):
        pass
    assert list(tmp_path.iterdir())

    with locked_data_directory(tmp_path):
        pass


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("file", "it is a file"),
        ("file/below", "Not a directory"),
        ("x" * 300, "File name too long"),
        ("lock", "Is a directory"),
    ],
)
def test_directory_that_cannot_be_used(tmp_path: Path, name: str, why: str) -> None:
    """A directory that cannot be made or written is refused, with the path, the reason and a way out."""
    (tmp_path / "file").touch()
    (tmp_path / "lock" / "ticker.lock").mkdir(parents=True)

    with pytest.raises(DataDirectoryUnusable) as refusal, locked_data_directory(tmp_path / name):
        pass

    assert str(refusal.value).startswith(f"data directory {tmp_path / name} cannot be used: {why}; ")
    assert str(refusal.value).endswith("give another one with --data-dir")
