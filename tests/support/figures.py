"""Figures that a test measured: shown by `pytest -s` and `pytest -rP`, kept in no file."""

from __future__ import annotations

import sys


def show_figure(what: str, *values: float, unit: str = "s") -> None:
    """Write what was measured; a figure is not a promise, and the test asserts what is one."""
    sys.stdout.write(f"{what}: {' '.join(f'{value:.3g} {unit}' for value in values)}\n")
