"""Publishing the rows of a file: what the server takes, and the rows it refuses, by name."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ticker_client.cli.csv_ticks import BadRow, CsvTick, TickRow
from ticker_client.cli.failures import shown
from ticker_client.cli.numbering import Numbering
from ticker_client.client import TickerClient
from ticker_client.errors import InvalidArgument, NotFound, OutcomeUnknown, TickerError
from ticker_client.models import PublishOutcome, PublishResult, Tick
from ticker_client.publisher import Publisher

__all__ = ["Publication", "Tally"]

_TICK_FIELD = re.compile(r"ticks\[(\d+)\]")


@dataclass(slots=True)
class Tally:
    """What became of the ticks of a file."""

    published: int = 0
    duplicate: int = 0
    unknown: int = 0
    rejected: int = 0

    @property
    def total(self) -> int:
        """All ticks that were dealt with."""
        return self.published + self.duplicate + self.unknown + self.rejected


@dataclass(frozen=True, slots=True)
class _Numbered:
    row: TickRow
    tick: Tick


class Publication:
    """One run over one file. `stopped` is set when nothing more is to be published.

    Args:
        client: an open client.
        publisher: where the ticks go; it keeps one publish in flight.
        numbering: the publisher sequences.
        create_stocks: create what does not exist, instead of refusing its rows.
        stop_on_error: stop at the first bad row; the rows before it are published.
        tell: is called with each bad row.
    """

    def __init__(
        self,
        client: TickerClient,
        publisher: Publisher,
        numbering: Numbering,
        *,
        create_stocks: bool,
        stop_on_error: bool,
        tell: Callable[[BadRow], None],
    ) -> None:
        self.tally = Tally()
        self.stopped = False
        self._client = client
        self._publisher = publisher
        self._numbering = numbering
        self._create_stocks = create_stocks
        self._stop_on_error = stop_on_error
        self._tell = tell
        self._stocks: dict[str, bool] = {}

    def reject(self, bad: BadRow) -> None:
        """Count and tell a row that is not published."""
        self.tally.rejected += bad.tick_count
        self._tell(bad)
        self.stopped = self.stopped or self._stop_on_error

    async def publish(self, rows: Sequence[TickRow]) -> None:
        """Publish up to 1000 ticks: all of them but those of rows that are refused.

        Raises:
            TickerError: the server could not be asked, or refuses all that comes from here. Ticks on their way are
                counted as unknown.
        """
        batch = [_Numbered(row, self._tick(tick)) for row in rows for tick in row.ticks]
        batch = await self._of_known_stocks(batch)
        looked_up_again = False
        while batch:
            try:
                results = await self._send(batch)
            except InvalidArgument as error:
                batch = self._without(batch, _refused_rows(batch, error))
            except NotFound:
                # A stock was deleted since it was looked up.
                if looked_up_again:
                    raise
                looked_up_again = True
                self._stocks.clear()
                batch = await self._of_known_stocks(batch)
            else:
                self._count(results)
                return

    def _tick(self, tick: CsvTick) -> Tick:
        return Tick(
            stock_id=tick.stock_id,
            price=tick.price,
            size=tick.size or None,
            trade_time=tick.trade_time,
            publisher_sequence=self._numbering.sequence_of(tick),
        )

    async def _send(self, batch: Sequence[_Numbered]) -> Sequence[PublishResult]:
        try:
            return await self._publisher.publish([numbered.tick for numbered in batch])
        except OutcomeUnknown as error:
            return error.results
        except BaseException as error:
            if not isinstance(error, TickerError) or error.retryable:
                self.tally.unknown += len(batch)
            raise

    def _count(self, results: Sequence[PublishResult]) -> None:
        outcomes = [result.outcome for result in results]
        unknown = outcomes.count(PublishOutcome.UNKNOWN)
        self.tally.published += outcomes.count(PublishOutcome.ACCEPTED)
        self.tally.duplicate += outcomes.count(PublishOutcome.DUPLICATE)
        self.tally.unknown += unknown
        # A later tick of the same stock would make the server take the unknown one for a repeat, for good.
        self.stopped = self.stopped or unknown > 0

    async def _of_known_stocks(self, batch: Sequence[_Numbered]) -> list[_Numbered]:
        """Drop the rows of stocks that do not exist, or create them."""
        faults = {}
        for numbered in batch:
            row = numbered.row
            if row.line not in faults and not await self._exists(numbered.tick.stock_id):
                message = f"stock {shown(numbered.tick.stock_id)} does not exist; --create-stocks creates it"
                faults[row.line] = BadRow(row.line, "STOCK_NOT_FOUND", message, len(row.ticks))
        return self._without(batch, faults)

    async def _exists(self, stock_id: str) -> bool:
        if stock_id not in self._stocks:
            try:
                if self._create_stocks:
                    await self._client.create_stock(stock_id)
                else:
                    await self._client.get_stock(stock_id)
            except NotFound:
                self._stocks[stock_id] = False
            else:
                self._stocks[stock_id] = True
        return self._stocks[stock_id]

    def _without(self, batch: Sequence[_Numbered], faults: Mapping[int, BadRow]) -> list[_Numbered]:
        """Return a batch without the rows at fault, which are told; from the first one on if that is to stop."""
        kept: list[_Numbered] = []
        told: set[int] = set()
        for numbered in batch:
            line = numbered.row.line
            if line not in faults:
                kept.append(numbered)
            elif line not in told:
                told.add(line)
                self.reject(faults[line])
                if self._stop_on_error:
                    break
        return kept


def _refused_rows(batch: Sequence[_Numbered], error: InvalidArgument) -> dict[int, BadRow]:
    """Return the rows whose ticks the server refuses, by their lines."""
    faults: dict[int, BadRow] = {}
    for violation in error.violations:
        match = _TICK_FIELD.match(violation.field)
        if match is not None and int(match[1]) < len(batch):
            row = batch[int(match[1])].row
            reason = violation.reason or error.reason
            faults.setdefault(row.line, BadRow(row.line, reason, violation.description, len(row.ticks)))
    if not faults:
        raise error
    return faults
