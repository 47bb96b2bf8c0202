from __future__ import annotations

from pathlib import Path

import pytest

from ticker_server.app.errors import PriceLogUnusable
from ticker_server.app.migration import migrate_all
from ticker_server.catalog import DatabaseUnusable
from ticker_server.settings import Deployment


async def test_embedded_has_no_topics(tmp_path: Path) -> None:
    """In the embedded profile there is the schema of one file, up and down."""
    settings = Deployment.load(data_dir=tmp_path)

    assert await migrate_all(settings, None) == ["the schema is the newest"]
    assert await migrate_all(settings, "base") == ["the schema is that of revision base"]


async def test_what_is_away_is_refused(postgres_url: str) -> None:
    """A command that cannot do its work now says so at once: it is not a server that waits."""
    away = "postgresql://127.0.0.1:1/ticker"
    with pytest.raises(DatabaseUnusable):
        await migrate_all(Deployment.load(kafka_bootstrap_servers="127.0.0.1:1", database_url=away), None)
    with pytest.raises(PriceLogUnusable):
        await migrate_all(Deployment.load(kafka_bootstrap_servers="127.0.0.1:1", database_url=postgres_url), None)
