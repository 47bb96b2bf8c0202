"""The composition root: the only place that knows every part, and in which order they start and stop."""

from ticker_server.app.errors import AddressUnusable, PriceLogUnusable, StartAnew
from ticker_server.app.gateway import Gateway

__all__ = ["AddressUnusable", "Gateway", "PriceLogUnusable", "StartAnew"]
