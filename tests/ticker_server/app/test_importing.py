from __future__ import annotations

from pathlib import Path

import pytest

from ticker_server.app.importing import import_file
from ticker_server.catalog.bulk import Tally
from ticker_server.errors import CannotStart
from ticker_server.ops.data_directory import locked_data_directory
from ticker_server.settings import ImportSettings


def imported(tmp_path: Path, text: str) -> Tally:
    """Import users into a data directory."""
    path = tmp_path / "users.csv"
    path.write_text(text)
    return import_file(ImportSettings.load(data_dir=tmp_path / "data"), path, users=True)


def test_data_directory_is_free_again(tmp_path: Path) -> None:
    """The data directory is held during an import, and released after it, also after one that failed."""
    assert imported(tmp_path, "user_id\nana\n").rejected == 0
    with pytest.raises(CannotStart):
        imported(tmp_path, "name\nana\n")

    with locked_data_directory(tmp_path / "data"), pytest.raises(CannotStart, match="in use by another process"):
        imported(tmp_path, "user_id\nana\n")
