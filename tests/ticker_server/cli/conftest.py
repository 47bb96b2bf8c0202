"""The command line of the server, run in this process."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command_lines import Run
from ticker_server.cli import run


@pytest.fixture
def ticker_server(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[Run]:
    """Return a function that runs the command line in this process and returns exit code, output and errors."""
    for name in [name for name in os.environ if name.startswith("TICKER_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level

    def run_it(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["ticker-server", *arguments])
        with pytest.raises(SystemExit) as leaving:
            run()
        captured = capsys.readouterr()
        assert isinstance(leaving.value.code, int)
        return leaving.value.code, captured.out, captured.err

    yield run_it
    root.handlers[:] = handlers
    root.setLevel(level)
