"""A price topic as a foreign program sees it, by confluent-kafka: made, written, read and folded without our reader."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import Consumer, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic

from ticker_server.feed.kafka.connection import KafkaConnection
from ticker_server.feed.kafka.records import decode, encode
from ticker_server.feed.kafka.topics import price_topic
from ticker_server.model.acceptance import Acceptance, Reason
from ticker_server.model.bar import Bar, bar_of, merged
from ticker_server.model.partition import home_partition
from ticker_server.model.tick import AcceptedTick, Tick

MINUTE = 60_000_000_000
WAIT_SECONDS = 30.0
QUIET = {"log_level": 0}


class PriceTopic:
    """The topic `<prefix>.prices` of a real broker."""

    def __init__(self, bootstrap_servers: str, prefix: str, partitions: int) -> None:
        self.prefix = prefix
        self.partitions = partitions
        self.name = price_topic(prefix, partitions).name
        self.connection = KafkaConnection(bootstrap_servers)
        self.options = {"bootstrap.servers": bootstrap_servers, **QUIET}
        self._admin = AdminClient(self.options)
        self._producer = Producer({**self.options, "linger.ms": 2, "enable.idempotence": True})

    def create(self) -> None:
        """Make the topic, as soon as one of the same name is gone."""
        plan = price_topic(self.prefix, self.partitions)
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            made = self._admin.create_topics([NewTopic(plan.name, plan.partitions, 1, config=dict(plan.config))])
            error = made[plan.name].exception(WAIT_SECONDS)
            if error is None:
                break
            assert time.monotonic() < deadline, error
            time.sleep(0.05)
        # The broker that has made it may answer for a moment that there is no such topic.
        while (topic := self._admin.list_topics(self.name, WAIT_SECONDS).topics[self.name]).error is not None or any(
            partition.leader < 0 for partition in topic.partitions.values()
        ):
            assert time.monotonic() < deadline, f"{self.name} is not there"
            time.sleep(0.01)

    def delete(self) -> None:
        """Delete the topic with all its records."""
        self._admin.delete_topics([self.name])[self.name].result(WAIT_SECONDS)

    def add_partitions(self, total: int) -> None:
        """Let the topic have more partitions, which nothing of ours lives in."""
        self._admin.create_partitions([NewPartitions(self.name, total)])[self.name].result(WAIT_SECONDS)
        deadline = time.monotonic() + WAIT_SECONDS
        while len(self._producer.list_topics(self.name, WAIT_SECONDS).topics[self.name].partitions) < total:
            assert time.monotonic() < deadline, f"{self.name} has no {total} partitions"

    def delete_before(self, partition: int, offset: int) -> None:
        """Let the oldest records of a partition be gone, as retention does."""
        place = TopicPartition(self.name, partition, offset)
        self._admin.delete_records([place])[place].result(WAIT_SECONDS)

    def publish(self, *ticks: Tick) -> None:
        """Write ticks to their home partitions; durable when it returns."""
        for tick in ticks:
            self.hand(tick)
        self.flush()

    def hand(self, tick: Tick) -> None:
        """Hand a tick to the producer, for its home partition."""
        key, value = encode(tick)
        self.produce(home_partition(tick.stock_id, self.partitions), key, value)

    def produce(self, partition: int, key: bytes | None, value: bytes | None) -> None:
        """Hand a record to the producer, whatever it is."""
        self._producer.produce(self.name, value, key, partition)
        self._producer.poll(0)

    def flush(self) -> None:
        """Wait until everything is durable."""
        assert self._producer.flush(WAIT_SECONDS) == 0

    def ends(self) -> dict[int, int]:
        """Return the offset after the last record of each partition that ticks live in."""
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            consumer = Consumer({**self.options, "group.id": "ends", "enable.auto.commit": False})
            try:
                places = [TopicPartition(self.name, partition) for partition in range(self.partitions)]
                return {place.partition: consumer.get_watermark_offsets(place, WAIT_SECONDS)[1] for place in places}
            except KafkaException:
                # A broker that has just made a topic anew may say for a moment that it does not lead it.
                if time.monotonic() > deadline:
                    raise
            finally:
                consumer.close()


@dataclass
class LogFold:
    """The pure fold of a topic from its oldest records up to given positions, further with each call."""

    topic: PriceTopic
    positions: dict[int, int] = field(default_factory=dict)
    acceptances: dict[int, Acceptance] = field(default_factory=dict)
    bars: dict[tuple[str, int], Bar] = field(default_factory=dict)
    """What `minute_bar` has to hold, by stock and start: the merged bars of all ticks, of the epoch 0."""
    ticks: list[AcceptedTick] = field(default_factory=list)
    """What `price_tick` has to hold, in the order of each partition."""

    def advance(self, positions: Mapping[int, int]) -> None:
        """Fold each partition up to an offset, which is not below that of the call before."""
        consumer = _consumer(self.topic)
        try:
            for partition, end in positions.items():
                start = self.positions.setdefault(partition, 0)
                assert end >= start, f"position of partition {partition} went back from {start} to {end}"
                acceptance = self.acceptances.setdefault(partition, Acceptance(self.topic.partitions))
                for message in _records(consumer, TopicPartition(self.topic.name, partition, start), end):
                    self._count(_accept(acceptance, partition, message))
                self.positions[partition] = end
        finally:
            consumer.close()

    def _count(self, tick: AcceptedTick | None) -> None:
        if tick is not None:
            self.ticks.append(tick)
            bar = bar_of(tick, 0, MINUTE)
            found = self.bars.get((bar.stock_id, bar.start))
            self.bars[bar.stock_id, bar.start] = bar if found is None else merged(found, bar)

    def prices(self) -> dict[str, tuple[Any, ...]]:
        """Return what `latest_price` has to hold, by stock."""
        return {
            stock_id: (
                partition,
                one.newest.price,
                one.newest.size,
                one.newest.trade_time,
                one.newest.accept_time,
                one.newest.sequence,
                one.newest.tick_number,
                [list(pair) for pair in one.publishers.items()],
            )
            for partition, acceptance in self.acceptances.items()
            for stock_id, one in acceptance.numberings.items()
        }


def folds_at(topic: PriceTopic, partition: int, positions: Iterable[int]) -> Iterator[tuple[int, Acceptance]]:
    """Read a partition once, and yield its pure fold as it stands at each of some positions, in ascending order."""
    ahead = deque(sorted(positions))
    acceptance = Acceptance(topic.partitions)
    consumer = _consumer(topic)
    try:
        for message in _records(consumer, TopicPartition(topic.name, partition, 0), ahead[-1]):
            while int(message.offset() or 0) >= ahead[0]:
                yield ahead.popleft(), acceptance
            _accept(acceptance, partition, message)
    finally:
        consumer.close()
    for position in ahead:
        yield position, acceptance


def _consumer(topic: PriceTopic) -> Consumer:
    return Consumer(
        {**topic.options, "group.id": "fold", "enable.auto.commit": False, "isolation.level": "read_committed"}
    )


def _accept(acceptance: Acceptance, partition: int, message: Message) -> AcceptedTick | None:
    record = decode(
        partition, int(message.offset() or 0), message.timestamp()[1], _bytes(message.key()), _bytes(message.value())
    )
    accepted = record if isinstance(record, Reason) else acceptance.accept(record)
    return None if isinstance(accepted, Reason) else accepted


def _records(consumer: Consumer, place: TopicPartition, end: int) -> Iterable[Message]:
    """Yield the records of one partition from an offset to before another one."""
    consumer.assign([place])
    deadline = time.monotonic() + WAIT_SECONDS
    while consumer.position([place])[0].offset < end:
        for message in consumer.consume(10_000, 0.05):
            assert message.error() is None, message.error()
            if int(message.offset() or 0) < end:
                yield message
            else:
                return
        if place.offset >= end:
            return
        assert time.monotonic() < deadline, f"{place} does not reach {end}"


def _bytes(data: Any) -> bytes | None:
    return None if data is None else bytes(data)
