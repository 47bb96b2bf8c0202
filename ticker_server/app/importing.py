"""What `ticker-server import` does: a file into the database of either profile."""

from __future__ import annotations

from pathlib import Path

from ticker_server.catalog import sqlite_url
from ticker_server.catalog.bulk import ImportPlan, Subject, Tally, run_import
from ticker_server.ops.data_directory import locked_data_directory
from ticker_server.settings import ImportSettings

__all__ = ["import_file"]


def import_file(settings: ImportSettings, path: Path, *, users: bool) -> Tally:
    """Import a file of users, or of subscriptions; return what became of its rows.

    Raises:
        CannotStart: The file cannot be read, or the database or data directory not used.
    """
    subject = Subject.USERS if users else Subject.SUBSCRIPTIONS
    plan = ImportPlan(subject, str(path), settings.max_subscriptions_per_user)
    if settings.database_url is not None:
        return run_import(settings.database, plan)
    with locked_data_directory(settings.data_dir) as file:
        return run_import(sqlite_url(file), plan)
