"""The settings of a bulk import."""

from __future__ import annotations

from collections.abc import Collection

from pydantic import Field

from ticker_server.settings.deployment import Deployment
from ticker_server.settings.loading import SettingsError, source

__all__ = ["ImportSettings"]


class ImportSettings(Deployment):
    """What `ticker-server import` needs to know: a database alone, since gateways relay what it changes."""

    max_subscriptions_per_user: int = Field(100, ge=1, description="a whole number from 1 on")

    def judge(self, given: Collection[str]) -> None:
        """Refuse a database that is neither PostgreSQL nor the file of a data directory."""
        url = self.database_url
        if url is not None and not url.get_secret_value().startswith(("postgresql://", "postgresql+psycopg://")):
            raise SettingsError(
                f"{source('database_url', given)} should be postgresql://USER:PASSWORD@HOST:PORT/DATABASE; "
                "for the embedded profile give --data-dir"
            )
