"""Looks for damage in a SQLite file before anything is read from it or written to it."""

from __future__ import annotations

from sqlalchemy import Connection, inspect
from sqlalchemy.exc import DatabaseError, OperationalError

from ticker_server.catalog.log_tables import price_tick

__all__ = ["find_damage"]

_WHOLE_CHECK_BYTES = 64 * 1024 * 1024


def find_damage(connection: Connection, *, whole_check_bytes: int = _WHOLE_CHECK_BYTES) -> str | None:
    """Return the first damage found, None for a sound database or for one that looks after itself (not SQLite).

    The check reads what it checks. A large file is large because of its ticks, which are pruned after days; there all
    tables but that one are checked, so that a start stays fast. A file that is no database at all raises DBAPIError.
    """
    if connection.dialect.name != "sqlite":
        return None
    if _size(connection) <= whole_check_bytes:
        return _check(connection, "1")
    for table in inspect(connection).get_table_names():
        if table != price_tick.name and (damage := _check(connection, f"'{table}'")) is not None:
            return damage
    return None


def _size(connection: Connection) -> int:
    pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    return int(pages) * int(connection.exec_driver_sql("PRAGMA page_size").scalar_one())


def _check(connection: Connection, argument: str) -> str | None:
    try:
        answer = str(connection.exec_driver_sql(f"PRAGMA quick_check({argument})").scalars().first())
    except OperationalError:
        raise
    except DatabaseError as error:  # damage so bad that SQLite gives up the check
        return str(error.orig)
    return None if answer == "ok" else answer.splitlines()[-1]
