"""What the sync server has kept of a log's former states, as the price log asks for it."""

from __future__ import annotations

import structlog

from ticker_server.errors import DatabaseUnavailable, PriceLogUnavailable
from ticker_server.feed.kafka.fold import KnownState
from ticker_server.history.checkpoints import CheckpointStore

__all__ = ["StoredStates"]

_log = structlog.get_logger(__name__)


class StoredStates:
    """Finds the checkpoint of an epoch from which to replay a partition."""

    def __init__(self, store: CheckpointStore, epoch: str) -> None:
        self._store = store
        self._epoch = epoch

    async def find(self, partition: int, position: int, beginning: int) -> KnownState | None:
        """Return the nearest state at or below a position, or the oldest above it, of those that the log begins below.

        Raises:
            PriceLogUnavailable: The database does not answer.
        """
        try:
            found = await self._store.at_or_below(self._epoch, partition, position)
            if found is None or found.position < beginning:
                found = await self._store.oldest(self._epoch, partition, beginning)
        except DatabaseUnavailable as error:
            raise PriceLogUnavailable("the stored states of the price log cannot be read just now") from error
        except Exception as error:  # noqa: BLE001  # a missing right on one table is no reason to end a gateway
            _log.error("checkpoints cannot be read; old positions are told as gaps", error=repr(error))
            return None
        return None if found is None else KnownState(found.position, found.numberings)
