"""The relay from the outbox to the readers of changes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import NoReturn

import structlog

from ticker_server.catalog.database import Database
from ticker_server.catalog.outbox_table import OutboxTable
from ticker_server.model.change import Change

__all__ = ["OutboxRelay"]

_SWEEP_SECONDS = 0.25
_BATCH = 500

_log = structlog.get_logger(__name__)


class OutboxRelay:
    """Publishes committed changes in the order of their revisions, each at least once.

    A change leaves the outbox only after `publish` has returned, so a failure, a cancellation or the end of the
    process between the two means that it is published again; readers ignore revisions that are not above their own.
    """

    def __init__(
        self,
        database: Database,
        publish: Callable[[Sequence[Change]], Awaitable[None]],
        *,
        sweep_seconds: float = _SWEEP_SECONDS,
        batch: int = _BATCH,
    ) -> None:
        self._database = database
        self._publish = publish
        self._sweep_seconds = sweep_seconds
        self._batch = batch
        self._nudged = asyncio.Event()
        self._stalled = False

    def nudge(self) -> None:
        """Say that there may be something to relay; costs nothing and may be called at any time in the loop."""
        self._nudged.set()

    async def run(self) -> NoReturn:
        """Relay after each nudge and at each sweep, until cancelled.

        A failure is logged once and tried again at the next sweep, whatever it is: a change that cannot be published
        holds back those behind it, because they must not overtake it.
        """
        while True:
            self._nudged.clear()
            try:
                await self.relay()
            except Exception as error:  # noqa: BLE001 - as the docstring says; the rows are still there
                self._note_failure(error)
                await asyncio.sleep(self._sweep_seconds)
            else:
                self._note_success()
                await self._nudge_or_sweep()

    async def relay(self) -> int:
        """Publish what the outbox holds now; return how many changes. Raises what `publish` or the database raises."""
        relayed = 0
        while changes := await self._database.complete(self._oldest()):
            await self._publish(changes)
            await self._database.complete(self._delete([change.revision for change in changes]))
            relayed += len(changes)
        return relayed

    async def _oldest(self) -> list[Change]:
        async with self._database.reading() as connection:
            return await OutboxTable(connection).list_oldest(self._batch)

    async def _delete(self, revisions: Sequence[int]) -> None:
        async with self._database.writing() as connection:
            await OutboxTable(connection).delete(revisions)

    async def _nudge_or_sweep(self) -> None:
        try:
            async with asyncio.timeout(self._sweep_seconds):
                await self._nudged.wait()
        except TimeoutError:
            return

    def _note_failure(self, error: Exception) -> None:
        if not self._stalled:
            self._stalled = True
            _log.warning("outbox relay stalled", error=repr(error))

    def _note_success(self) -> None:
        if self._stalled:
            self._stalled = False
            _log.info("outbox relay goes on")
