from __future__ import annotations

import pytest

from ticker_server.settings import ImportSettings, SettingsError


def test_database_alone_is_enough() -> None:
    """An import needs no Kafka."""
    settings = ImportSettings.load(database_url="postgresql://db/ticker")

    assert settings.database == "postgresql://db/ticker"
    assert settings.max_subscriptions_per_user == 100


def test_other_databases() -> None:
    """The file of the embedded profile is named by its folder, and there are no other databases."""
    with pytest.raises(SettingsError, match=r"^--database-url should be postgresql://.*give --data-dir$"):
        ImportSettings.load(database_url="sqlite:///ticker.db")
