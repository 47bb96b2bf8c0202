"""The command line of the server: flags, the ready line, signals and exit codes."""

from ticker_server.cli import maintenance, serving, syncing
from ticker_server.cli.root import run

__all__ = ["maintenance", "run", "serving", "syncing"]
