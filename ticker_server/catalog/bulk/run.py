"""One run of `ticker-server import`: from a file to the line that sums it up."""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, cast

from ticker_server.catalog.bulk.chunks import CHUNK_ROWS, Chunk, chunks_of
from ticker_server.catalog.bulk.importing import Importer, SubscriptionImporter, UserImporter
from ticker_server.catalog.bulk.merging import Merge
from ticker_server.catalog.bulk.pacing import COUNTED_WAITING, OutboxPace
from ticker_server.catalog.bulk.progress import ImportProgress
from ticker_server.catalog.bulk.records import Record, read_records
from ticker_server.catalog.bulk.refusals import FileInvalid
from ticker_server.catalog.bulk.session import BulkSession, bulk_session
from ticker_server.catalog.bulk.source import ImportFile, open_import_file
from ticker_server.catalog.bulk.store import BulkStore
from ticker_server.catalog.bulk.tally import Tally

__all__ = ["ImportPlan", "Subject", "run_import"]


class Subject(StrEnum):
    """What the rows of a file are."""

    USERS = "users"
    SUBSCRIPTIONS = "subscriptions"


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """What the flags say. `path` is a CSV file with a header, also compressed with gzip, or `-` for stdin."""

    subject: Subject
    path: str
    max_subscriptions_per_user: int = 100
    chunk_rows: int = CHUNK_ROWS


def run_import(
    database_url: str,
    plan: ImportPlan,
    *,
    stdin: io.BufferedReader | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Tally:
    """Import a file and return what became of its rows; the last line of stdout says it, too, however it ends.

    Bad rows are named on stderr and left out. Rows are committed in chunks, so what was imported before an end that was
    not planned stays, and the same file again changes only the rest. Blocks; nothing may serve the same SQLite file.

    Raises:
        ImportRefused: The file cannot be read, or its header is not what it must be. Where it is damaged further
            down, what stands before is imported.
        DatabaseUnusable: The database cannot be used as it is.
        ImportStopped: The database is away, or went away.
    """
    started = time.monotonic()
    tally = Tally()
    with open_import_file(plan.path, stdin or cast("io.BufferedReader", sys.stdin.buffer)) as file:
        records = read_records(file.lines())
        importer = _importer(_header(file, next(records, None)), plan)
        with bulk_session(database_url, sleep=sleep) as session:
            try:
                with ImportProgress(file.size) as progress:
                    run = _Run(session, importer, progress, tally)
                    pace = OutboxPace(lambda: session.transact(_backlog), sleep)
                    for chunk in chunks_of(records, importer.row, size=plan.chunk_rows):
                        if run.merge(chunk):
                            pace.wait()
                        progress.advance(file.position(), tally)
            finally:
                sys.stdout.write(f"{tally} in {time.monotonic() - started:.1f} s\n")
                sys.stdout.flush()
    return tally


class _Run:
    def __init__(self, session: BulkSession, importer: Importer[Any], progress: ImportProgress, tally: Tally) -> None:
        self._session = session
        self._importer = importer
        self._progress = progress
        self._tally = tally

    def merge(self, chunk: Chunk[Any]) -> bool:
        """Import a chunk and tell its bad rows; return whether there are changes for open watches."""
        merged: Merge = self._importer.merge(self._session, chunk, time.time_ns())
        self._tally.add(merged.tally)
        bad = [*chunk.bad, *merged.bad]
        self._tally.rejected += len(bad)
        self._progress.bad_rows(bad)
        return bool(merged.alterations)


def _backlog(store: BulkStore) -> int:
    return store.backlog(COUNTED_WAITING)


def _importer(header: Sequence[str], plan: ImportPlan) -> Importer[Any]:
    if plan.subject is Subject.USERS:
        return UserImporter(header)
    return SubscriptionImporter(header, plan.max_subscriptions_per_user)


def _header(file: ImportFile, record: Record | None) -> list[str]:
    if record is None:
        raise FileInvalid(f"{file.name} has no header row")
    if record.error:
        raise FileInvalid(f"{file.name} has no readable header: {record.error}")
    return record.cells
