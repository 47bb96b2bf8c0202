"""What a publish shows on stderr while it runs: bad rows always, a bar when it is a terminal."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from ticker_client.cli.csv_ticks import BadRow
from ticker_client.cli.publication import Tally

__all__ = ["PublishProgress"]


class PublishProgress:
    """The bar, by bytes of the file; without a terminal only the bad rows are written."""

    def __init__(self, total: int) -> None:
        console = Console(stderr=True)
        self._progress: Progress | None = None
        if sys.stderr.isatty() and not console.is_dumb_terminal:
            self._progress = Progress(
                TextColumn("publishing"),
                BarColumn(),
                TaskProgressColumn(),
                TextColumn("{task.fields[ticks]:,} ticks"),
                TimeRemainingColumn(),
                console=console,
                transient=True,
            )
            self._task = self._progress.add_task("publishing", total=total, ticks=0)

    def __enter__(self) -> Self:
        if self._progress is not None:
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Take the bar away, so that what is written next stands alone."""
        if self._progress is not None:
            self._progress.stop()

    def bad_row(self, bad: BadRow) -> None:
        """Write a bad row as one line."""
        line = f"bad row: line {bad.line}: {bad.reason}: {bad.message}"
        if self._progress is None:
            print(line, file=sys.stderr)
        else:
            self._progress.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def advance(self, position: int, tally: Tally) -> None:
        """Move the bar to a position in the file."""
        if self._progress is not None:
            self._progress.update(self._task, completed=position, ticks=tally.total)
