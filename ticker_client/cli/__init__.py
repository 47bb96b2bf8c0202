"""The command `ticker`: stocks, users, subscriptions, live prices and publishing from a terminal."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

__all__ = ["main"]


def main() -> NoReturn:
    """Run `ticker` with the arguments of this program, and leave it with the exit code."""
    # What goes wrong is told by us, in one line; gRPC would add its own to a mistake in --tls-ca or --target.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    try:
        # Here, because Ctrl-C may come while this is imported, which takes a noticeable moment.
        from ticker_client.cli.app import run  # noqa: PLC0415

        code = run(sys.argv[1:])
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)
