"""The commands that prepare what the servers use: `migrate` and `import`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from ticker_server.cli.options import DatabaseUrl, DataDir, Kafka, LogFormatOption, LogLevelOption, TopicPrefix
from ticker_server.cli.root import app
from ticker_server.logs import configure_logs
from ticker_server.settings import Deployment, ImportSettings, SettingsError

__all__ = ["import_", "migrate"]


@app.command()
def migrate(
    down: Annotated[
        str | None,
        typer.Option(metavar="REVISION", help="Take the schema back to a revision; `base` removes everything."),
    ] = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    kafka: Kafka = None,
    topic_prefix: TopicPrefix = None,
    log_format: LogFormatOption = None,
    log_level: LogLevelOption = None,
) -> None:
    """Bring the schema of the database to what this version needs, and make the Kafka topics that are missing.

    Servers do the same when they start; run it apart where their database role may not change tables.
    """
    settings = Deployment.load(
        data_dir=data_dir,
        database_url=database_url,
        kafka_bootstrap_servers=kafka,
        kafka_topic_prefix=topic_prefix,
        log_format=log_format,
        log_level=log_level,
    )
    configure_logs(settings.log_format, settings.log_level)
    # Imported here, because it takes a while and --help does without.
    from ticker_server.app.migration import migrate_all  # noqa: PLC0415

    for done in asyncio.run(migrate_all(settings, down)):
        print(done)


@app.command("import")
def import_(
    users: Annotated[Path | None, typer.Option(metavar="FILE", help="CSV of users.")] = None,
    subscriptions: Annotated[Path | None, typer.Option(metavar="FILE", help="CSV of subscriptions.")] = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    log_format: LogFormatOption = None,
    log_level: LogLevelOption = None,
) -> None:
    """Store users or subscriptions of a CSV file, as AddStock would row by row, but millions of them in minutes.

    FILE has a header; `.gz` is read as it is, `-` is standard input. Columns: user_id; or user_id, stock_id and any of
    time_zone, frequency, every_tick, window, days, always, with the meaning and defaults of `ticker add`. An empty
    cell is the default; every_tick and always take true or false; days are parted by spaces or |, or by commas in
    quotes.

    Bad rows are named on stderr and skipped, and then the exit code is 1. The same file again changes only what is
    missing.
    """
    chosen = [file for file in (users, subscriptions) if file is not None]
    if len(chosen) != 1:
        raise SettingsError("give one of --users and --subscriptions")
    settings = ImportSettings.load(
        data_dir=data_dir, database_url=database_url, log_format=log_format, log_level=log_level
    )
    configure_logs(settings.log_format, settings.log_level)
    # Imported here, because it takes a while and --help does without.
    from ticker_server.app.importing import import_file  # noqa: PLC0415

    if import_file(settings, chosen[0], users=users is not None).rejected:
        raise typer.Exit(1)
