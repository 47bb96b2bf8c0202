"""What honest readers feel of a peer that does harm: the lateness of their messages, and the server's memory.

For each abuse, readers are measured alone and then beside an abuser, which reconnects as often as it is cut. The server
has a core of its own if there are two; the abuser shares the other one with the readers and gives way to them. The first
row is an abuser that only keeps that core busy. At the end a fifth of a crowd of readers stops.
"""

from __future__ import annotations

import argparse

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

__all__ = ["add_options", "run"]

_TABLE_WIDTH = 150


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what can be chosen."""
    parser.add_argument("--only", metavar="TEXT", default="", help="only the abuses whose names have this text")
    parser.add_argument("--seconds", type=float, default=4.0, help="measure each for so long (default 4)")
    parser.add_argument("--readers", type=int, default=20, help="so many honest readers (default 20)")


def run(options: argparse.Namespace) -> int:
    """Measure, and print the table."""
    from scripts.benchmarks.harm import measuring, stalling  # noqa: PLC0415 - the help needs none of it

    progress = Console(stderr=True)
    table = Table(box=SIMPLE, pad_edge=False)
    table.add_column("abuse")
    for title in ("p50 ms", "p99 ms", "most ms", "beside:\np50 ms", "p99 ms", "most ms", "p99\nratio"):
        table.add_column(title, justify="right")
    for title in ("server CPU\n% of a core", "longest\nturn, ms", "times", "memory\n+ kB"):
        table.add_column(title, justify="right")
    with progress.status("") as status:
        for row in measuring.measure(options.only, options.seconds, options.readers, status.update):
            table.add_row(row.name, *row.figures)
    console = Console()
    (console if console.is_terminal else Console(width=_TABLE_WIDTH)).print(table)
    if options.only in stalling.NAME:
        console.print(str(stalling.stall(options.seconds)), soft_wrap=True)
    return 0
