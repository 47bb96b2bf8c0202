"""The command `sync`."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from ticker_server.cli.options import DatabaseUrl, Kafka, LogFormatOption, LogLevelOption, TopicPrefix
from ticker_server.cli.root import app
from ticker_server.logs import configure_logs
from ticker_server.settings import SettingsError, SyncSettings

__all__ = ["sync"]


@app.command()
def sync(
    interval: Annotated[
        str | None, typer.Option(help="How often values are written, 1s to 60s.  [default: 5s]")
    ] = None,
    raw_ticks: Annotated[bool | None, typer.Option("--raw-ticks", help="Store each tick as well.")] = None,
    database_url: DatabaseUrl = None,
    kafka: Kafka = None,
    topic_prefix: TopicPrefix = None,
    log_format: LogFormatOption = None,
    log_level: LogLevelOption = None,
) -> None:
    """Write the newest price of every stock, its numbers, its bars, and how far all was read, from Kafka to the database.

    Run one or more: they share the partitions of the log. In the embedded profile the server does this itself.

    Each flag has an environment variable: TICKER_ and its name, TICKER_SYNC_INTERVAL and
    TICKER_KAFKA_BOOTSTRAP_SERVERS for --interval and --kafka. Flags win. TICKER_TICK_RETENTION_DAYS and
    TICKER_BAR_RETENTION_DAYS say how long ticks (30 days) and bars (0 = for ever) are kept.
    """
    settings = SyncSettings.load(
        sync_interval=interval,
        raw_ticks=raw_ticks,
        database_url=database_url,
        kafka_bootstrap_servers=kafka,
        kafka_topic_prefix=topic_prefix,
        log_format=log_format,
        log_level=log_level,
    )
    if not settings.is_production:
        raise SettingsError("sync needs --kafka and --database-url; without them the server itself writes the values")
    configure_logs(settings.log_format, settings.log_level)
    # Imported here, because it takes a while and --help does without.
    from ticker_server.process import run_sync  # noqa: PLC0415

    run_sync(settings, _tell_ready)


def _tell_ready() -> None:
    print(f"ticker-server ready sync pid={os.getpid()}", flush=True)
