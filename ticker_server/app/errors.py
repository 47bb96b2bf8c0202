"""Why a gateway cannot start, or has to start anew."""

from __future__ import annotations

from ticker_server.errors import CannotStart

__all__ = ["AddressUnusable", "PriceLogUnusable", "StartAnew"]


class AddressUnusable(CannotStart):
    """The address to listen on is taken or cannot be bound."""

    reason = "ADDRESS_UNUSABLE"
    exit_code = 3


class PriceLogUnusable(CannotStart):
    """The price log cannot be opened."""

    reason = "PRICE_LOG_UNUSABLE"
    exit_code = 5


class StartAnew(Exception):
    """What this gateway was started with holds no longer; only a normal start gets it right. The message says why."""
