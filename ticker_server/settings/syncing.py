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
    raw_ticks: bool = Field(default=False, description="true or false")
    """Store each tick as well, not only what follows from them."""
    tick_retention_days: int = Field(30, ge=0, le=36_500, description="a number of days from 0 to 36500")
    """How many days ticks are kept; 0 = for ever."""
    bar_retention_days: int = Field(0, ge=0, le=36_500, description="a number of days from 0 to 36500")
    """How many days bars are kept; 0 = for ever."""
