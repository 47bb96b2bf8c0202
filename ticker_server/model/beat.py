"""Beats: the instants at which a frequency is due.

They lie on a fixed grid of wall time whose phase comes from an id, so that load spreads over the period and every
gateway that serves the same id agrees without a word.
"""

from __future__ import annotations

from hashlib import blake2b

__all__ = ["MIN_SPACING_PERCENT", "next_beat", "phase_of"]

MIN_SPACING_PERCENT = 90
"""LIVE updates of one stock are at least so many hundredths of their frequency apart."""


def phase_of(identity: str, frequency: int) -> int:
    """Return an id's offset on the grid: the first 8 bytes of its BLAKE2b, modulo the frequency (nanoseconds)."""
    return int.from_bytes(blake2b(identity.encode()).digest()[:8], "big") % frequency


def next_beat(at: int, frequency: int, phase: int) -> int:
    """Return the first beat after an instant; all in nanoseconds, instants since the epoch."""
    return at + frequency - (at - phase) % frequency
