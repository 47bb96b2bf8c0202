"""Brings a database to the schema that this program knows, or back; refuses what it cannot use. Synchronous."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, inspect
from sqlalchemy.exc import DBAPIError

from ticker_server.catalog.database import DatabaseUnusable
from ticker_server.catalog.engine import migration_engine, place_of
from ticker_server.catalog.integrity import find_damage
from ticker_server.catalog.postgres import is_away, is_lock_timeout
from ticker_server.catalog.tables import metadata
from ticker_server.errors import DatabaseUnavailable

__all__ = ["downgrade", "upgrade"]

_MIGRATION_LOCK = 0x7469636B6572  # "ticker"
_TURN_SECONDS = 300
"""How long to wait for another process that migrates; it may have a large table to work on."""
_LOCK_SECONDS = 2
"""How long a migration waits for a table. All that comes after it waits as well, so it must not be long."""
_ATTEMPTS = 10
_PAUSE_SECONDS = 1.0


def upgrade(url: str) -> None:
    """Make the schema the newest one, in one transaction; makes the SQLite file where there is none.

    Blocks: call it in a thread. Several processes may call it at once; one of them migrates, and the others wait and
    find it done. A schema that is the newest one already is only looked at.

    Raises:
        DatabaseUnavailable: PostgreSQL is away or busy; the same call may succeed after a while.
        DatabaseUnusable: Not a database, damaged, not writable, of a newer program or of another one; PostgreSQL
            refuses the user or has no such database.
    """
    _migrate(url, lambda config: command.upgrade(config, "head"), done=_is_newest)


def downgrade(url: str, revision: str) -> None:
    """Take the schema back to a revision such as `0001`, or to `base`, where nothing is left.

    Raises:
        DatabaseUnavailable: As `upgrade`.
        DatabaseUnusable: As `upgrade`, or there is no such revision.
    """
    _migrate(url, lambda config: command.downgrade(config, revision), done=lambda _connection, _config: False)


def _migrate(url: str, migration: Callable[[Config], None], *, done: Callable[[Connection, Config], bool]) -> None:
    engine = migration_engine(url)
    config = Config()
    config.set_main_option("script_location", "ticker_server.catalog:migrations")
    with _errors_translated(engine):
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                _attempt(engine, config, migration, done)
            except DBAPIError as error:
                if attempt == _ATTEMPTS or not is_lock_timeout(error):
                    raise
                time.sleep(_PAUSE_SECONDS)
            else:
                return


def _attempt(
    engine: Engine, config: Config, migration: Callable[[Config], None], done: Callable[[Connection, Config], bool]
) -> None:
    with engine.begin() as connection:
        _refuse(connection, config)
        if done(connection, config):
            return
        if connection.dialect.name == "postgresql":
            _take_turn(connection)
            _refuse(connection, config)  # another process may have migrated meanwhile
        config.attributes["connection"] = connection
        migration(config)


def _take_turn(connection: Connection) -> None:
    """Wait for other processes that migrate; what we wait for from then on, users of the database wait for, too."""
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{_TURN_SECONDS}s'")
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})")
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{_LOCK_SECONDS * 1000:.0f}ms'")


@contextmanager
def _errors_translated(engine: Engine) -> Iterator[None]:
    place = place_of(engine.url)
    try:
        yield
    except DBAPIError as error:
        text = f"{place}: {' '.join(str(error.orig).split())}"
        if is_away(error):
            raise DatabaseUnavailable(text) from error
        raise DatabaseUnusable(text) from error
    except (CommandError, DatabaseUnusable) as error:
        raise DatabaseUnusable(f"{place}: {error}") from error
    finally:
        engine.dispose()


def _refuse(connection: Connection, config: Config) -> None:
    """Raise DatabaseUnusable where the database must not be touched."""
    if (damage := find_damage(connection)) is not None:
        raise DatabaseUnusable(
            f"the database is damaged ({damage}); put a copy in its place, or move it away to begin anew"
        )
    revision = _revision(connection)
    if revision is None:
        foreign = sorted(metadata.tables.keys() & set(inspect(connection).get_table_names()))
        # Another process may have migrated between the two looks; its tables come together with their revision.
        if foreign and _revision(connection) is None:
            raise DatabaseUnusable(f"the database has tables of another program: {', '.join(foreign)}")
    elif revision not in {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}:
        raise DatabaseUnusable(
            f"the database has schema {revision}, which this program is too old to know; use the newer program"
        )


def _is_newest(connection: Connection, config: Config) -> bool:
    return _revision(connection) == ScriptDirectory.from_config(config).get_current_head()


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()
