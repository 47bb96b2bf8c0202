"""Durations as people write them: `500ms`, `5s`, `10m`, `1h`."""

from __future__ import annotations

import re

__all__ = ["parse_seconds"]

_TEXT = re.compile(r"(\d{1,9})(ms|s|m|h)", re.ASCII)
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def parse_seconds(text: str) -> float:
    """Return a duration in seconds. Raises ValueError where the text is none."""
    match = _TEXT.fullmatch(text)
    if match is None:
        raise ValueError("a duration reads like 500ms, 5s or 1h")
    return int(match[1]) * _SECONDS[match[2]]
