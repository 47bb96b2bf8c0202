"""The names of health."""

from __future__ import annotations

from ticker_server.api.transport.health import HEALTH_SERVICE, health_names


def test_whole_and_each_service_have_a_health() -> None:
    """The whole is asked for by the empty name, each service by its own; the health service has none itself."""
    assert HEALTH_SERVICE == "grpc.health.v1.Health"
    assert health_names(["ticker.v1.PriceService"]) == ("", "ticker.v1.PriceService")
