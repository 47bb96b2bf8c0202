"""The Alembic environment."""

from __future__ import annotations

import shutil
from pathlib import Path

from alembic import command
from alembic.config import Config

from ticker_server.catalog import migrations
from ticker_server.catalog.engine import migration_engine, sqlite_url
from ticker_server.catalog.migrate import upgrade


def test_alembic_finds_nothing_to_change(tmp_path: Path) -> None:
    """Alembic's own check finds no difference between the declared tables and a migrated database."""
    url = sqlite_url(tmp_path / "ticker.db")
    upgrade(url)
    config = Config()
    config.set_main_option("script_location", "ticker_server.catalog:migrations")
    with migration_engine(url).begin() as connection:
        config.attributes["connection"] = connection
        command.check(config)


def test_new_migration_is_written_from_the_template(tmp_path: Path) -> None:
    """Alembic writes the next migration from the template, and it is valid Python that does what is missing."""
    url = sqlite_url(tmp_path / "ticker.db")
    upgrade(url)
    folder = Path(shutil.copytree(Path(migrations.__file__).parent, tmp_path / "migrations"))
    config = Config()
    config.set_main_option("script_location", str(folder))
    with migration_engine(url).begin() as connection:
        connection.exec_driver_sql("DROP TABLE outbox")
        config.attributes["connection"] = connection
        command.revision(config, message="Bring the outbox back", rev_id="0002", autogenerate=True)

    text = next((folder / "versions").glob("0002_*.py")).read_text()
    compile(text, "0002.py", "exec")
    assert text.startswith('"""Bring the outbox back."""\n')
    assert "op.create_table(" in text
