"""Brings a database to the schema that this program knows, or back; refuses what it cannot use. Synchronous."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, inspect
from sqlalchemy.exc import DBAPIError

from ticker_server.catalog.database import DatabaseUnusable
from ticker_server.catalog.engine import migration_engine
from ticker_server.catalog.integrity import find_damage
from ticker_server.catalog.tables import metadata

__all__ = ["downgrade", "upgrade"]


def upgrade(url: str) -> None:
    """Make the schema the newest one, in one transaction; makes the database where there is none.

    Blocks: call it in a thread. Several processes may call it at once; one of them migrates.

    Raises:
        DatabaseUnusable: Not a database, damaged, not writable, of a newer program or of another one.
    """
    with _migration(url) as config:
        command.upgrade(config, "head")


def downgrade(url: str, revision: str) -> None:
    """Take the schema back to a revision such as `0001`, or to `base`, where nothing is left.

    Raises:
        DatabaseUnusable: As `upgrade`, or there is no such revision.
    """
    with _migration(url) as config:
        command.downgrade(config, revision)


@contextmanager
def _migration(url: str) -> Iterator[Config]:
    engine = migration_engine(url)
    name = engine.url.database
    config = Config()
    config.set_main_option("script_location", "ticker_server.catalog:migrations")
    try:
        with engine.begin() as connection:
            if (problem := _problem(connection, config)) is not None:
                raise DatabaseUnusable(f"{name}: {problem}")
            config.attributes["connection"] = connection
            yield config
    except DBAPIError as error:
        raise DatabaseUnusable(f"{name}: {error.orig}") from error
    except CommandError as error:
        raise DatabaseUnusable(f"{name}: {error}") from error
    finally:
        engine.dispose()


def _problem(connection: Connection, config: Config) -> str | None:
    """Return why the database must not be touched, None if it may be."""
    if (damage := find_damage(connection)) is not None:
        return f"the database is damaged ({damage}); put a copy in its place, or move it away to begin anew"
    revision = MigrationContext.configure(connection).get_current_revision()
    if revision is None:
        foreign = sorted(metadata.tables.keys() & set(inspect(connection).get_table_names()))
        return f"the database has tables of another program: {', '.join(foreign)}" if foreign else None
    if revision not in {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}:
        return f"the database has schema {revision}, which this program is too old to know; use the newer program"
    return None
