"""A transaction of a foreign program over a price topic, by confluent-kafka."""

from __future__ import annotations

import secrets

from confluent_kafka import Producer

from tests.support.price_topic import PriceTopic
from ticker_server.feed.kafka.records import encode
from ticker_server.model.partition import home_partition
from ticker_server.model.tick import Tick

WAIT_SECONDS = 20.0


class Transaction:
    """Ticks that are written at once and become readable, or not, all together."""

    def __init__(self, topic: PriceTopic) -> None:
        self._topic = topic
        self._producer = Producer({**topic.options, "transactional.id": f"tx-{secrets.token_hex(4)}"})
        self._producer.init_transactions(WAIT_SECONDS)
        self._producer.begin_transaction()

    def write(self, *ticks: Tick) -> None:
        """Write ticks; when it returns, the broker has them."""
        for tick in ticks:
            key, value = encode(tick)
            self._producer.produce(self._topic.name, value, key, home_partition(tick.stock_id, self._topic.partitions))
        assert self._producer.flush(WAIT_SECONDS) == 0

    def commit(self) -> None:
        """Make them readable."""
        self._producer.commit_transaction(WAIT_SECONDS)

    def abort(self) -> None:
        """Make them as if they had not been."""
        self._producer.abort_transaction(WAIT_SECONDS)
