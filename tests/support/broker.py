"""A real Kafka for tests, which can be killed, frozen and started again."""

from __future__ import annotations

import asyncio
import shutil
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from scripts.kafka_cluster.cluster import Cluster
from scripts.kafka_cluster.node import Node
from tests.support.guard import Guard

# A broker of a test lives for seconds: the second compiler would cost more than it brings, half a second of each start.
JAVA_OPTIONS = ("-XX:TieredStopAtLevel=1",)


class Broker:
    """A running Kafka of one node, or three. Nodes are numbered from 1; a method without numbers means all of them."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._guard = Guard(cluster.home)

    @property
    def bootstrap_servers(self) -> str:
        """Return the addresses of all nodes, with commas."""
        return self._cluster.bootstrap_servers

    async def start(self, *numbers: int) -> None:
        """Start nodes that do not run, with their data and on their ports; `accepts` waits for them."""
        self.launch(*numbers)

    async def accepts(self) -> None:
        """Wait until all nodes that run answer; raises NodeFailed if one does not within 60 s, or ends."""
        await asyncio.to_thread(self._cluster.wait)

    async def kill(self, *numbers: int) -> None:
        """End nodes at once (SIGKILL), and return when they are gone."""
        for node in self._nodes(numbers):
            node.signal(signal.SIGKILL)
        for node in self._nodes(numbers):
            await asyncio.to_thread(node.end, signal.SIGKILL)

    def freeze(self, *numbers: int) -> None:
        """Stop nodes where they are (SIGSTOP): connections stay open and nothing is answered."""
        for node in self._nodes(numbers):
            node.signal(signal.SIGSTOP)

    def thaw(self, *numbers: int) -> None:
        """Let frozen nodes go on."""
        for node in self._nodes(numbers):
            node.signal(signal.SIGCONT)

    def launch(self, *numbers: int) -> None:
        """Start nodes that do not run, as `start` does, outside an event loop."""
        for node in self._nodes(numbers):
            if node.pid() is None:
                node.start()
        self._guard.protect(*(pid for node in self._cluster.nodes if (pid := node.pid()) is not None))

    def wait(self) -> None:
        """Wait until all nodes that run answer, as `accepts` does, outside an event loop."""
        self._cluster.wait()

    def end(self) -> None:
        """End everything at once and remove the data; the logs stay."""
        self._cluster.end(signal.SIGKILL)
        for node in self._cluster.nodes:
            shutil.rmtree(node.home / "data", ignore_errors=True)
        self._guard.release()

    def _nodes(self, numbers: tuple[int, ...]) -> list[Node]:
        return [node for node in self._cluster.nodes if not numbers or node.number in numbers]


@contextmanager
def started_broker(home: Path, brokers: int = 1, **settings: str) -> Iterator[Broker]:
    """Run a Kafka until the end of the block; `settings` are broker settings, given as `**{"a.b": "1"}`."""
    broker = Broker(Cluster.create(home, brokers, settings, JAVA_OPTIONS))
    try:
        broker.launch()
        broker.wait()
        yield broker
    finally:
        broker.end()


@asynccontextmanager
async def running_broker(home: Path, brokers: int = 1, **settings: str) -> AsyncIterator[Broker]:
    """Run a Kafka of its own for one test; `settings` are broker settings, given as `**{"a.b": "1"}`."""
    starting = started_broker(home / "kafka", brokers, **settings)
    broker = await asyncio.to_thread(starting.__enter__)
    try:
        yield broker
    finally:
        await asyncio.to_thread(starting.__exit__, None, None, None)
