"""Membership in a Kafka consumer group that only shares out partitions: it commits no offset and reads no record."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import NoReturn

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError

from ticker_server.errors import PriceLogUnavailable
from ticker_server.feed.kafka.connection import KafkaConnection
from ticker_server.feed.kafka.undisturbed import undisturbed

__all__ = ["Assignment", "Membership"]

_TURN_MS = 1_000
_CLOSE_SECONDS = 5.0

_log = structlog.get_logger(__name__)


class Assignment:
    """Partitions that the group has given to this member, until `ended` is set."""

    def __init__(self, partitions: Iterable[int]) -> None:
        self.partitions = frozenset(partitions)
        self.ended = asyncio.Event()


class Membership:
    """One member of a group that shares the partitions of a topic.

    Every change of the group takes all partitions from everyone and shares them out anew. A member that was frozen
    learns late that it has lost its own: who writes for a partition must be safe against that by other means.
    `session_seconds` is how long a silent member keeps its partitions. Partitions from `partitions` on are shared out
    too, but left out of the assignments.
    """

    def __init__(
        self, connection: KafkaConnection, topic: str, partitions: int, *, group_id: str, session_seconds: float
    ) -> None:
        self._topic = topic
        self._partitions = partitions
        self._assignment: Assignment | None = None
        self._changed = asyncio.Event()
        self._consumer = AIOKafkaConsumer(
            **connection.client_options(),
            group_id=group_id,
            # Nothing is ever read here, so no offset matters; "none" would be an error for having none.
            auto_offset_reset="latest",
            enable_auto_commit=False,
            request_timeout_ms=5_000,
            metadata_max_age_ms=int(session_seconds * 1_000),
            session_timeout_ms=int(session_seconds * 1_000),
            heartbeat_interval_ms=int(session_seconds * 1_000 / 6),
        )

    async def run(self) -> NoReturn:
        """Join the group and stay in it until cancelled.

        Raises:
            PriceLogUnavailable: The broker was away at first, or the group cannot go on.
        """
        try:
            await undisturbed(self._consumer.start())
            self._consumer.subscribe([self._topic], listener=_Listener(self))
            while True:
                # Reads nothing, all is paused; it raises what went wrong in the group and shows that we are alive.
                await self._consumer.getmany(timeout_ms=_TURN_MS)
        except (KafkaError, OSError) as error:
            raise PriceLogUnavailable(f"group of topic {self._topic} cannot be joined: {error!r}") from error

    async def assignment(self) -> Assignment:
        """Return the partitions that this member has now; wait until the group has given it its share."""
        while self._assignment is None:
            self._changed.clear()
            await self._changed.wait()
        return self._assignment

    async def close(self) -> None:
        """Leave the group, so that the others take over at once."""
        self._end_assignment()
        try:
            await asyncio.wait_for(self._consumer.stop(), _CLOSE_SECONDS)
        except (TimeoutError, KafkaError) as error:
            _log.warning("group was not left in time", topic=self._topic, error=repr(error))

    def _take(self, assigned: Iterable[TopicPartition]) -> None:
        self._consumer.pause(*assigned)
        partitions = sorted(place.partition for place in assigned if place.partition < self._partitions)
        _log.info("partitions assigned", topic=self._topic, partitions=partitions)
        self._end_assignment()
        self._assignment = Assignment(partitions)
        self._changed.set()

    def _end_assignment(self) -> None:
        if self._assignment is not None:
            self._assignment.ended.set()
            self._assignment = None


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    def __init__(self, membership: Membership) -> None:
        self._membership = membership

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:  # noqa: ARG002 - all are
        """End the assignment; what comes next is not known before all members have joined again."""
        self._membership._end_assignment()  # noqa: SLF001 - the other half of the same module

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Begin a new assignment."""
        self._membership._take(assigned)  # noqa: SLF001 - as above
