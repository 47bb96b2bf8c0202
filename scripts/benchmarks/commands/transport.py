"""What pushing costs: send(), grpc.aio and the transport of ready frames, one after the other in each round.

A server runs in a process of its own, and its CPU time is what counts; a reader in another process counts all
messages, and a run fails if one is missing or came twice. Compare the ratios within one run: a machine that does other
things makes all figures higher. docs/benchmarks.md tells what the rows are.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from scripts.benchmarks.machine import describe, raise_file_limit
from scripts.benchmarks.transport import row

__all__ = ["add_options", "run"]

_SPARE_FILES = 200
_TABLE_WIDTH = 140


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what can be chosen."""
    parser.add_argument("--rows", metavar="ROW,...", help=f"only these of {', '.join(row.ROWS)}")
    parser.add_argument(
        "--rounds", type=int, metavar="N", help=f"measure each system so often (default {row.Scale.rounds})"
    )
    parser.add_argument("--quick", action="store_true", help="tiny counts, to see that all works")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all samples there as well")
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="draw the costs of a message there as well")


def run(options: argparse.Namespace) -> int:
    """Measure, and print the table."""
    # What is measured is imported here: the help needs none of it.
    from scripts.benchmarks.transport import contest, lab, report  # noqa: PLC0415

    scale = row.QUICK if options.quick else row.Scale()
    if options.rounds is not None:
        scale = replace(scale, rounds=options.rounds)
    rows = tuple(row.ROWS) if options.rows is None else row.chosen(options.rows)
    raise_file_limit(max(scale.connections, scale.idle_own) + scale.idle_warm + _SPARE_FILES)
    progress = Console(stderr=True)
    with progress.status("") as status, lab.open_lab() as laboratory:
        results = list(contest.run(laboratory, scale, rows, status.update))
        floor = laboratory.floor
    machine = describe()
    report.print_table(_console(), machine, floor, results)
    if options.json is not None:
        report.write_json(options.json, machine, floor, scale, results)
    if options.plot is not None:
        from scripts.benchmarks.transport import plot  # noqa: PLC0415

        plot.draw(options.plot, machine, floor, results)
    return 0


def _console() -> Console:
    """Return where the table goes: a file or a pipe has room for it."""
    console = Console()
    return console if console.is_terminal else Console(width=_TABLE_WIDTH)
