"""Command lines that are run in the process of the test."""

from __future__ import annotations

from collections.abc import Callable

Run = Callable[..., tuple[int, str, str]]
"""Takes arguments, returns exit code, output and errors."""
