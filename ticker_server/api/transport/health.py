"""The names of health: under which service it is asked, and of what it tells."""

from __future__ import annotations

from collections.abc import Iterable

from grpc_health.v1 import health_pb2

__all__ = ["HEALTH_SERVICE", "health_names"]

HEALTH_SERVICE: str = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name


def health_names(services: Iterable[str]) -> tuple[str, ...]:
    """Return what has a health of its own: the whole, which is asked for by `""`, and each service by its full name."""
    return ("", *services)
