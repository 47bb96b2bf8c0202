"""One run of `ticker publish`: from an open file to the summary line."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from ticker_client.cli.columns import Columns, resolve_columns
from ticker_client.cli.csv_ticks import BadRow, RowReader, TickRow
from ticker_client.cli.failures import CommandError, ExitCode
from ticker_client.cli.numbering import FileNumbering, Numbering, TradeTimeNumbering, file_publisher_id
from ticker_client.cli.output import print_json
from ticker_client.cli.pacing import MAX_BATCH, paced_batches
from ticker_client.cli.price_file import PriceFile
from ticker_client.cli.progress import PublishProgress
from ticker_client.cli.publication import Publication, Tally
from ticker_client.cli.records import Record, read_records
from ticker_client.client import TickerClient

__all__ = ["PublishPlan", "PublishRun"]

# The server takes trade times up to 5 s ahead of its own clock, which is not ours: only what no error of a clock can
# explain is refused here.
_FAR_AHEAD = 24 * 3600 * 1_000_000_000


@dataclass(frozen=True, slots=True)
class PublishPlan:
    """What the options say, checked. `stock_id` and `publisher_id` are empty where the file decides."""

    mapping: dict[str, tuple[str, ...]]
    stock_id: str
    zone: ZoneInfo
    publisher_id: str
    speed: float
    create_stocks: bool
    stop_on_error: bool
    json: bool


class PublishRun:
    """A file and how it is to be published. The header is read at once.

    Raises:
        CommandError: a column is missing.
    """

    def __init__(self, file: PriceFile, plan: PublishPlan) -> None:
        self._file = file
        self._plan = plan
        self._records = read_records(file.lines())
        self._columns = _columns_in(file, next(self._records, None), plan)

    async def publish(self, client: TickerClient) -> ExitCode:
        """Publish the file; the last line of stdout sums it up, however it ends."""
        started = time.monotonic()
        with PublishProgress(self._file.size) as progress:
            publication = self._publication(client, progress)
            try:
                await self._publish_all(publication, progress)
            finally:
                progress.close()
                self._sum_up(publication.tally, time.monotonic() - started)
        tally = publication.tally
        return ExitCode.TICKS_NOT_PUBLISHED if tally.rejected or tally.unknown else ExitCode.OK

    async def _publish_all(self, publication: Publication, progress: PublishProgress) -> None:
        rows = _good_rows(self._rows(), publication)
        async for batch in paced_batches(rows, self._plan.speed):
            await publication.publish(batch)
            progress.advance(self._file.position(), publication.tally)
            if publication.stopped:
                return

    def _publication(self, client: TickerClient, progress: PublishProgress) -> Publication:
        plan = self._plan
        numbering: Numbering
        if plan.publisher_id:
            publisher_id, numbering = plan.publisher_id, TradeTimeNumbering(time.time_ns)
        else:
            publisher_id = file_publisher_id(self._file.digest, self._columns, plan.zone.key)
            numbering = FileNumbering()
        return Publication(
            client,
            client.publisher(publisher_id),
            numbering,
            create_stocks=plan.create_stocks,
            stop_on_error=plan.stop_on_error,
            tell=progress.bad_row,
        )

    def _rows(self) -> Iterator[TickRow | BadRow]:
        plan = self._plan
        reader = RowReader(self._columns, plan.stock_id, plan.zone, latest=time.time_ns() + _FAR_AHEAD)
        return map(reader.row, self._records)

    def _sum_up(self, tally: Tally, seconds: float) -> None:
        if self._plan.json:
            print_json(
                {
                    "published": tally.published,
                    "duplicate": tally.duplicate,
                    "unknown": tally.unknown,
                    "rejected": tally.rejected,
                    "seconds": round(seconds, 1),
                }
            )
        else:
            counts = f"published {tally.published}, duplicate {tally.duplicate}, unknown {tally.unknown}"
            print(f"{counts}, rejected {tally.rejected} in {seconds:.1f} s", flush=True)


def _columns_in(file: PriceFile, header: Record | None, plan: PublishPlan) -> Columns:
    if header is None:
        raise CommandError("INVALID_FILE", f"{file.name} has no header row")
    if header.error:
        raise CommandError("INVALID_FILE", f"{file.name} has no readable header: {header.error}")
    try:
        columns = resolve_columns(header.cells, plan.mapping, has_stock=bool(plan.stock_id))
    except CommandError as error:
        raise CommandError(error.reason, f"{file.name}: {error.message}") from None
    if len(columns.prices) > MAX_BATCH:
        raise CommandError("USAGE", f"--map: a row makes at most {MAX_BATCH} ticks")
    return columns


def _good_rows(rows: Iterable[TickRow | BadRow], publication: Publication) -> Iterator[TickRow]:
    """Yield the rows that are ticks; the others are rejected as they are met, and may end it."""
    for row in rows:
        if isinstance(row, TickRow):
            yield row
            continue
        publication.reject(row)
        if publication.stopped:
            return
