"""A Kafka of one or three nodes on this machine, with the settings that the tests count on."""

from __future__ import annotations

import base64
import json
import time
import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path

from scripts.kafka_cluster.node import POLL_SECONDS, Node, NodeFailed
from scripts.kafka_cluster.ports import HOST, free_ports, is_free

ACCEPT_SECONDS = 60.0

SETTINGS = {
    "process.roles": "broker,controller",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    "auto.create.topics.enable": "false",
    "unclean.leader.election.enable": "false",
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "100",  # a test cannot wait the least of 6 s for a member that is gone
    # A broker that was killed comes back only when its former session has ended: with the default 9 s, after 50 s.
    "broker.session.timeout.ms": "2000",
    "broker.heartbeat.interval.ms": "500",
    # What a broker does in the background once in minutes happens within a second or two, so that it can be tested.
    "log.initial.task.delay.ms": "500",
    "log.retention.check.interval.ms": "1000",
    "log.cleaner.backoff.ms": "1000",
    # Sized for one machine: the defaults make 50 partitions and 128 MB of buffer at first use.
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.num.partitions": "1",
    "log.cleaner.dedupe.buffer.size": "8388608",
}


class Cluster:
    """One or more nodes with their folders below `home`; the data and the ports survive a stop."""

    def __init__(self, home: Path, nodes: list[Node], settings: Mapping[str, str]) -> None:
        self.home = home
        self._settings = dict(settings)
        self.nodes = nodes

    @classmethod
    def create(
        cls, home: Path, brokers: int, settings: Mapping[str, str] | None = None, java_options: Iterable[str] = ()
    ) -> Cluster:
        """Make a new cluster of some nodes, on free ports, not started yet; `settings` win over ours.

        Raises:
            NotInstalled: Java or Maven is missing.
            FetchFailed: Maven could not bring the jars.
            NodeFailed: Kafka does not like the settings.
        """
        ports = free_ports(2 * brokers)
        nodes = [
            Node(number, home / f"node-{number}", ports.pop(), ports.pop(), tuple(java_options))
            for number in range(1, brokers + 1)
        ]
        cluster = cls(home, nodes, settings or {})
        cluster._write()
        cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "A", 1)
        for node, process in [(node, node.format(cluster_id)) for node in nodes]:
            if process.wait() != 0:
                raise NodeFailed(f"node {node.number} could not be formatted:\n{node.log_end()}")
        (home / "formatted").touch()
        return cluster

    @classmethod
    def load(cls, home: Path) -> Cluster | None:
        """Return the cluster that was made below a folder, None if none was made there to its end."""
        if not (home / "formatted").exists():
            return None
        stored = json.loads((home / "cluster.json").read_text())
        nodes = [
            Node(number, home / f"node-{number}", port, controller_port)
            for number, (port, controller_port) in enumerate(stored["ports"], start=1)
        ]
        return cls(home, nodes, stored["settings"])

    @property
    def bootstrap_servers(self) -> str:
        """Return the addresses of all nodes, as `--kafka` takes them."""
        return ",".join(f"{HOST}:{node.port}" for node in self.nodes)

    def is_running(self) -> bool:
        """Tell whether any node runs."""
        return any(node.pid() is not None for node in self.nodes)

    def keep_off_taken_ports(self) -> None:
        """Move a cluster that does not run to other ports if somebody has taken one of its own."""
        ports = [port for node in self.nodes for port in (node.port, node.controller_port)]
        if all(is_free(port) for port in ports):
            return
        ports = free_ports(len(ports))
        for node in self.nodes:
            node.port, node.controller_port = ports.pop(), ports.pop()
        self._write()

    def start(self) -> None:
        """Start the nodes that do not run; `wait` says when they accept connections."""
        for node in self.nodes:
            if node.pid() is None:
                node.start()

    def wait(self, seconds: float = ACCEPT_SECONDS) -> None:
        """Wait until every node that was started answers and knows the others.

        Raises:
            NodeFailed: no node runs, one has ended by itself, or the time is over.
        """
        deadline = time.monotonic() + seconds
        awaited = [node for node in self.nodes if node.pid() is not None]
        if not awaited:
            raise NodeFailed(f"no node runs; the log of node 1 ends with:\n{self.nodes[0].log_end()}")
        for node in awaited:
            while node.known_brokers() < len(awaited):
                if node.pid() is None:
                    raise NodeFailed(f"node {node.number} has ended:\n{node.log_end()}")
                if time.monotonic() > deadline:
                    raise NodeFailed(f"node {node.number} does not answer after {seconds} s:\n{node.log_end()}")
                time.sleep(POLL_SECONDS)

    def end(self, number: int) -> None:
        """End all nodes with a signal, and wait until they have ended."""
        for node in self.nodes:
            node.signal(number)
        for node in self.nodes:
            node.end(number)

    def _write(self) -> None:
        voters = ",".join(f"{node.number}@{HOST}:{node.controller_port}" for node in self.nodes)
        replicas = min(3, len(self.nodes))
        in_sync = 2 if replicas == 3 else 1
        for node in self.nodes:
            node.home.mkdir(parents=True, exist_ok=True)
            settings = {
                **SETTINGS,
                "node.id": str(node.number),
                "controller.quorum.voters": voters,
                "listeners": f"PLAINTEXT://{HOST}:{node.port},CONTROLLER://{HOST}:{node.controller_port}",
                "advertised.listeners": f"PLAINTEXT://{HOST}:{node.port}",
                "log.dirs": str(node.home / "data"),
                "default.replication.factor": str(replicas),
                "min.insync.replicas": str(in_sync),
                "offsets.topic.replication.factor": str(replicas),
                "transaction.state.log.replication.factor": str(replicas),
                "transaction.state.log.min.isr": str(in_sync),
                "share.coordinator.state.topic.replication.factor": str(replicas),
                "share.coordinator.state.topic.min.isr": str(in_sync),
                **self._settings,
            }
            node.properties.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
        stored = {"ports": [[node.port, node.controller_port] for node in self.nodes], "settings": self._settings}
        (self.home / "cluster.json").write_text(json.dumps(stored))
