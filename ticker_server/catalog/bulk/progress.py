"""What an import shows on stderr while it runs: the first bad rows always, a bar when it is a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from ticker_server.catalog.bulk.bad_row import BadRow
from ticker_server.catalog.bulk.tally import Tally

__all__ = ["SHOWN_BAD_ROWS", "ImportProgress"]

SHOWN_BAD_ROWS = 100
"""So many bad rows are named. Where there are more, it is mostly one mistake; the sum has them all."""


class ImportProgress:
    """The bar, by bytes of the file; without a terminal only bad rows are written. `total` None = not known."""

    def __init__(self, total: int | None) -> None:
        console = Console(stderr=True)
        self._told = 0
        self._progress: Progress | None = None
        if sys.stderr.isatty() and not console.is_dumb_terminal:
            self._progress = Progress(
                TextColumn("importing"),
                BarColumn(),
                TaskProgressColumn(),
                TextColumn("{task.fields[rows]:,} rows"),
                TimeRemainingColumn(),
                console=console,
                transient=True,
            )
            self._task = self._progress.add_task("importing", total=total, rows=0)

    def __enter__(self) -> Self:
        if self._progress is not None:
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.stop()

    def bad_rows(self, rows: Iterable[BadRow]) -> None:
        """Write bad rows, one line each, until there are too many of them."""
        for row in sorted(rows, key=lambda row: row.line):
            if self._told > SHOWN_BAD_ROWS:
                return
            if self._told == SHOWN_BAD_ROWS:
                self._write("further bad rows are counted, not named")
            else:
                self._write(f"bad row: {row}")
            self._told += 1

    def advance(self, position: int, tally: Tally) -> None:
        """Move the bar to a position in the file."""
        if self._progress is not None:
            self._progress.update(self._task, completed=position, rows=tally.total)

    def _write(self, line: str) -> None:
        if self._progress is None:
            sys.stderr.write(f"{line}\n")
        else:
            self._progress.console.print(line, markup=False, highlight=False, soft_wrap=True)
