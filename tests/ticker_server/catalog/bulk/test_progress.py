"""What an import shows while it runs."""

from __future__ import annotations

import io

import pytest

from ticker_server.catalog.bulk.bad_row import BadRow
from ticker_server.catalog.bulk.progress import SHOWN_BAD_ROWS, ImportProgress
from ticker_server.catalog.bulk.tally import Tally

BAD = BadRow(17, "INVALID_TIME_ZONE", 'time_zone "[red]" is not an IANA time zone')
LINE = 'bad row: line 17: INVALID_TIME_ZONE: time_zone "[red]" is not an IANA time zone'


class Terminal(io.StringIO):
    """A stderr that says it is a terminal."""

    def isatty(self) -> bool:
        """Tell that it is one."""
        return True


def test_bad_rows_are_named_on_stderr_in_their_order(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a terminal there is no bar, only the rows that are at fault."""
    with ImportProgress(100) as progress:
        progress.bad_rows([BAD, BadRow(3, "INVALID_ROW", "torn")])
        progress.advance(50, Tally(imported=3))

    captured = capsys.readouterr()
    assert captured.err == f"bad row: line 3: INVALID_ROW: torn\n{LINE}\n"
    assert captured.out == ""


def test_many_bad_rows_are_counted_only(capsys: pytest.CaptureFixture[str]) -> None:
    """A file that is wrong from top to bottom does not flood the terminal."""
    with ImportProgress(None) as progress:
        for _ in range(3):
            progress.bad_rows([BAD] * SHOWN_BAD_ROWS)

    assert capsys.readouterr().err.splitlines() == [LINE] * SHOWN_BAD_ROWS + ["further bad rows are counted, not named"]


def test_a_terminal_has_a_bar_and_whole_lines_above_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal the bar moves with the file, and a bad row stays one readable line."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setattr("sys.stderr", terminal := Terminal())

    with ImportProgress(100) as progress:
        progress.bad_rows([BAD])
        progress.advance(100, Tally(imported=1200))

    text = terminal.getvalue()
    assert LINE in text
    assert "1,200 rows" in text
    assert "100%" in text
    assert text.endswith("\x1b[2K")


def test_a_pipe_has_a_bar_without_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the size is not known the bar shows the rows, and no percentage."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("sys.stderr", terminal := Terminal())

    with ImportProgress(None) as progress:
        progress.advance(0, Tally(imported=1200))

    assert "1,200 rows" in terminal.getvalue()
    assert "%" not in terminal.getvalue()
