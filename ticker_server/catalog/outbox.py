"""The relay from the outbox to the readers of changes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import NoReturn

from sqlalchemy.ext.asyncio import AsyncConnection

from ticker_server.catalog.database import Database
from ticker_server.catalog.outbox_table import Claim, OutboxTable
from ticker_server.catalog.sweeping import Sweep
from ticker_server.model.change import Change

__all__ = ["OutboxRelay"]

_SWEEP_SECONDS = 0.25
_BATCH = 500


class OutboxRelay:
    """Publishes committed changes, each at least once, those of one user and of one stock in their order.

    A change leaves the outbox only after `publish` has returned, so a failure, a cancellation or the end of the
    process between the two means that it is published again; readers ignore revisions that are not above their own.

    Any number of gateways may relay from one PostgreSQL database. What one of them publishes is locked for the others
    meanwhile, by a lock that holds up no one else and goes with the connection. While nothing can be published, a
    relay tries with a single change, and leaves the others to relays that may be better off.
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
        self._batch = batch
        self._sweep = Sweep("outbox relay", self._relay_all, seconds=sweep_seconds)

    def nudge(self) -> None:
        """Say that there may be something to relay; costs nothing and may be called at any time in the loop."""
        self._sweep.nudge()

    async def run(self) -> NoReturn:
        """Relay after each nudge and at each sweep, until cancelled.

        A failure is logged once and tried again at the next sweep, whatever it is: a change that cannot be published
        holds back those behind it, because they must not overtake it.
        """
        await self._sweep.run()

    async def relay(self) -> int:
        """Publish what the outbox holds now and no other relay is publishing; return how many changes.

        Raises what `publish` or the database raises.
        """
        relayed = 0
        while changes := (await self._relay_some(self._batch)).changes:
            relayed += len(changes)
        return relayed

    async def _relay_all(self) -> bool:
        if self._sweep.stalled:
            trial = await self._relay_some(1)
            if not trial.changes:
                return not trial.left_to_others
        await self.relay()
        return True

    async def _relay_some(self, limit: int) -> Claim:
        return await (self._relay_shared(limit) if self._database.is_postgresql else self._relay_alone(limit))

    async def _relay_shared(self, limit: int) -> Claim:
        """Publish within the transaction that locks what is published."""

        async def claim(connection: AsyncConnection) -> Claim:
            return await OutboxTable(connection).claim(limit)

        async with self._database.held(claim, _forget) as claimed:
            if claimed.changes:
                await self._publish(claimed.changes)
        return claimed

    async def _relay_alone(self, limit: int) -> Claim:
        """Publish between two transactions: there is no other relay, and a transaction would hold up every writer."""
        claimed = Claim(await self._database.complete(self._oldest(limit)))
        if claimed.changes:
            await self._publish(claimed.changes)
            await self._database.complete(self._delete(claimed))
        return claimed

    async def _oldest(self, limit: int) -> list[Change]:
        async with self._database.reading() as connection:
            return await OutboxTable(connection).list_oldest(limit)

    async def _delete(self, claimed: Claim) -> None:
        async with self._database.writing() as connection:
            await _forget(connection, claimed)


async def _forget(connection: AsyncConnection, claimed: Claim) -> None:
    if claimed.changes:
        await OutboxTable(connection).delete([change.revision for change in claimed.changes])
