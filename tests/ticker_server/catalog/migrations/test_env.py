"""The Alembic environment."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config

from ticker_server.catalog import migrations
from ticker_server.catalog.engine import migration_engine, sqlite_url
from ticker_server.catalog.migrate import upgrade


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of a migrated database of its own, of either kind."""
    url = sqlite_url(tmp_path / "ticker.db")
    if request.param == "postgresql":
        url = str(request.getfixturevalue("postgres_url"))
    upgrade(url)
    return url


def test_alembic_finds_nothing_to_change(url: str) -> None:
    """Alembic's own check finds no difference between the declared tables and a migrated database."""
    config = Config()
    config.set_main_option("script_location", "ticker_server.catalog:migrations")
    with migration_engine(url).begin() as connection:
        config.attributes["connection"] = connection
        command.check(config)


def test_new_migration_is_written_from_the_template(tmp_path: Path, url: str) -> None:
    """Alembic writes the next migration from the template, and it is valid Python that does what is missing."""
    folder = Path(shutil.copytree(Path(migrations.__file__).parent, tmp_path / "migrations"))
    config = Config()
    config.set_main_option("script_location", str(folder))
    with migration_engine(url).begin() as connection:
        connection.exec_driver_sql("DROP TABLE outbox")
        config.attributes["connection"] = connection
        command.revision(config, message="Bring the outbox back", rev_id="9999", autogenerate=True)

    text = next((folder / "versions").glob("9999_*.py")).read_text()
    compile(text, "9999.py", "exec")
    assert text.startswith('"""Bring the outbox back."""\n')
    assert "op.create_table(" in text
