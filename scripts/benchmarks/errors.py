"""What ends a command of scripts/bench."""

from __future__ import annotations

__all__ = ["BenchFailed"]


class BenchFailed(Exception):
    """A measurement cannot be made, or its counts are wrong; the message says why."""
