"""What a publish shows while it runs."""

from __future__ import annotations

import io

import pytest

from ticker_client.cli.csv_ticks import BadRow
from ticker_client.cli.progress import PublishProgress
from ticker_client.cli.publication import Tally

BAD = BadRow(17, "INVALID_PRICE", 'Open "[red]": write 1-12 digits', 4)
LINE = 'bad row: line 17: INVALID_PRICE: Open "[red]": write 1-12 digits'


class Terminal(io.StringIO):
    """A stderr that says it is a terminal."""

    def isatty(self) -> bool:
        """Tell that it is one."""
        return True


def test_bad_rows_are_named_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a terminal there is no bar, only the rows that are at fault."""
    with PublishProgress(100) as progress:
        progress.bad_row(BAD)
        progress.advance(50, Tally(published=3))

    captured = capsys.readouterr()
    assert captured.err == f"{LINE}\n"
    assert captured.out == ""


def test_a_terminal_has_a_bar_and_whole_lines_above_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal the bar moves with the file, and a bad row stays one readable line."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setattr("sys.stderr", terminal := Terminal())

    with PublishProgress(100) as progress:
        progress.bad_row(BAD)
        progress.advance(100, Tally(published=1200))
        progress.close()

    text = terminal.getvalue()
    assert LINE in text
    assert "1,200 ticks" in text
    assert "100%" in text
    assert text.endswith("\x1b[2K")
