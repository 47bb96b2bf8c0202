"""A run as people and programs read it: a table, and a JSON file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from scripts.benchmarks.transport.result import Result
from scripts.benchmarks.transport.row import SYSTEMS, Scale

__all__ = ["figure", "print_table", "target", "write_json"]

_MET = {True: "met", False: "missed", None: ""}


def print_table(console: Console, machine: Mapping[str, str], floor: str, results: Sequence[Result]) -> None:
    """Print the medians, their ratios of the same rounds, and how far frames keep to their targets."""
    table = Table(box=SIMPLE, pad_edge=False)
    table.add_column("the median of the rounds")
    table.add_column("")
    for title in (floor, "grpc.aio", "frames", "frames\n/ send", "grpc.aio\n/ frames", "target"):
        table.add_column(title, justify="right")
    table.add_column("")
    for result in results:
        figures = (figure(result.figure(system)) for system in SYSTEMS)
        ratios = (_times(result.ratio("frames", "send")), _times(result.ratio("grpcio", "frames")))
        table.add_row(result.title, result.row.unit, *figures, *ratios, target(result), _MET[result.is_met])
    console.print(table)
    console.print(", ".join(f"{name} {value}" for name, value in machine.items()), soft_wrap=True)


def write_json(path: Path, machine: Mapping[str, str], floor: str, scale: Scale, results: Sequence[Result]) -> None:
    """Write all samples, what they were measured on, and how much of everything there was."""
    rows = [result.as_json() for result in results]
    run = {"machine": machine, "floor": floor, "scale": asdict(scale), "rows": rows}
    path.write_text(json.dumps(run, indent=2) + "\n", encoding="utf-8")


def figure(value: float | None) -> str:
    """Return a figure with the digits that mean something."""
    if value is None:
        return "-"
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def target(result: Result) -> str:
    """Return the target of a row, and nothing where there is none."""
    row = result.row
    if row.target is None:
        return ""
    return f"{row.target} x send" if row.is_ratio else f"{row.target:g} {row.unit}"


def _times(ratio: float | None) -> str:
    return "-" if ratio is None else f"{ratio:.1f} x"
