"""The options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ticker_server.logs import LogFormat, LogLevel

__all__ = ["DataDir", "DatabaseUrl", "Kafka", "LogFormatOption", "LogLevelOption", "TopicPrefix"]

DataDir = Annotated[
    Path | None, typer.Option(help="Where prices and subscriptions are kept, embedded.  [default: ./ticker-data]")
]
DatabaseUrl = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="The database, production: postgresql://USER@HOST/DATABASE. A password is better in TICKER_DATABASE_URL.",
    ),
]
Kafka = Annotated[str | None, typer.Option(metavar="HOST:PORT,...", help="The Kafka brokers, production.")]
TopicPrefix = Annotated[
    str | None, typer.Option(help="The topics are PREFIX.prices and PREFIX.subscriptions.  [default: ticker]")
]
LogFormatOption = Annotated[LogFormat | None, typer.Option("--log-format", help="[default: console]")]
LogLevelOption = Annotated[LogLevel | None, typer.Option("--log-level", help="[default: info]")]
