"""Catalog changes through Kafka: from the outbox of any gateway, by one compacted topic, to every gateway."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

from ticker_server.feed.changes import Apply, Reload
from ticker_server.feed.kafka.change_publisher import ChangePublisher
from ticker_server.feed.kafka.change_reader import ChangeReader
from ticker_server.feed.kafka.connection import KafkaConnection
from ticker_server.model.change import Change

__all__ = ["ChangeTopic"]


class ChangeTopic:
    """The topic `<prefix>.subscriptions`, of which a gateway needs one; `change_records` tells what stands in it.

    It reaches for Kafka on its own when it has to, so making one never waits and never fails.
    """

    def __init__(self, connection: KafkaConnection, topic: str, partitions: int) -> None:
        self._publisher = ChangePublisher(connection, topic, partitions)
        self._reader = ChangeReader(connection, topic, partitions)

    async def publish(self, changes: Sequence[Change]) -> None:
        """Write changes, those of one user or stock in their order, and return when all are acknowledged.

        Raises:
            PriceLogUnavailable: Not all were acknowledged within 5 s. Repeat them: some may have been written, and a
                change that comes twice does no harm.
        """
        await self._publisher.publish(changes)

    async def run(self, apply: Apply, reload: Reload) -> NoReturn:
        """Call `reload`, then `apply` with every change that was written since before that call, until cancelled.

        `reload` is called again whenever changes may have been missed; where it raises Unavailable it is called again
        each second, and the changes wait. What `apply` raises ends the run.
        """
        await self._reader.run(apply, reload)

    async def started(self) -> None:
        """Wait until the first `reload` is done."""
        await self._reader.started()

    async def close(self) -> None:
        """Close what was opened for publishing; `run` closes its own when it ends."""
        await self._publisher.close()
