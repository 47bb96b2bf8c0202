"""The settings of a sync server."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from ticker_server.settings.deployment import Deployment
from ticker_server.settings.durations import parse_seconds

__all__ = ["SyncSettings"]


def _seconds(value: Any) -> float:
    """Judge the range here, so that a refusal shows what was written and not what it was read as."""
    seconds = parse_seconds(value) if isinstance(value, str) else float(value)
    if not 1 <= seconds <= 60:
        raise ValueError("out of range")
    return seconds


class SyncSettings(Deployment):
    """What `ticker-server sync` needs to know."""

    sync_interval: Annotated[float, BeforeValidator(_seconds)] = Field(5.0, description="a duration from 1s to 60s")
    """How often values are written, in seconds."""
