"""The console entry: says what to install where only the client is, and ends quietly when it is interrupted."""

from __future__ import annotations

import os
import sys

__all__ = ["main"]

_INTERRUPTED = 130
_SERVER_PACKAGES = {
    "aiokafka",
    "aiosqlite",
    "alembic",
    "confluent_kafka",
    "grpc_health",
    "grpc_reflection",
    "hpack",
    "psycopg",
    "pydantic",
    "pydantic_settings",
    "sqlalchemy",
    "structlog",
}


def main() -> None:
    """Run `ticker-server`; without the server's packages, say what to install and exit with 2."""
    # The demo starts its board as another program; we never fork ourselves. Without this gRPC warns of each start.
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "false")
    try:
        from ticker_server.cli import run  # noqa: PLC0415 - the import is what may fail, and it takes a while
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _SERVER_PACKAGES:
            raise
        sys.stderr.write("install stock-ticker[server]\n")
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    run()
