"""Sync servers as processes of their own, with shorter times than `ticker-server sync` allows, started in no time.

To import everything takes a process two seconds. This one does it once, and forks a sync server for each line of its
input: bootstrap servers, topic prefix, partitions, database URL, interval and session in seconds, as JSON. It answers
with the process id. Argument: a file descriptor; all end at once when its other end is closed.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys

import structlog

from ticker_server.catalog import open_database
from ticker_server.feed.kafka.connection import KafkaConnection
from ticker_server.history.pace import Spacing
from ticker_server.history.process import run_sync
from ticker_server.history.snapshots import SnapshotStore
from ticker_server.history.sync import SyncServer

EACH_STEP = Spacing(seconds=0, records=0)
"""A checkpoint is written with each step."""


async def serve(
    lifeline: int, bootstrap_servers: str, prefix: str, partitions: int, url: str, interval: float, session: float
) -> None:
    """Run until SIGTERM."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stopping.set)
    loop.add_reader(lifeline, os._exit, 1)
    database = open_database(url, statement_seconds=30, application_name="ticker-server sync")
    server = SyncServer(
        KafkaConnection(bootstrap_servers),
        prefix,
        partitions,
        SnapshotStore(database, spacing=EACH_STEP, raw_ticks=True),
        interval_seconds=interval,
        session_seconds=session,
    )
    try:
        await run_sync(server, on_ready=lambda: None, stopping=stopping)
    finally:
        await database.close()


def main(lifeline: int) -> None:
    """Fork a server for each line."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them; they vanish when they end
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            asyncio.run(serve(lifeline, *json.loads(line)))
            return
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    main(int(sys.argv[1]))
