"""The embedded price log: one SQLite table, one partition, written by this process alone."""

from ticker_server.feed.sqlite.log import SqliteLog

__all__ = ["SqliteLog"]
