"""The command line of scripts/kafka."""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
from pathlib import Path

from scripts.kafka_cluster.cluster import Cluster
from scripts.kafka_cluster.jars import CACHE, FetchFailed, NotInstalled, fetch_jars, find_java, kafka_version
from scripts.kafka_cluster.node import NodeFailed

SIZES = (1, 3)

EXAMPLES = """\
The data survives a stop, that of one node and that of three apart. To begin anew, delete the data folder.

  scripts/kafka start
  ticker-server serve --kafka HOST:PORT --database-url postgresql://...
"""


class Refused(Exception):
    """The command cannot be done as things are; the message says why."""


def start(data: Path, brokers: int) -> None:
    """Start the cluster of a size, or say that it runs already."""
    find_java()
    fetch_jars()
    running = running_cluster(data)
    if running is not None and len(running.nodes) != brokers:
        raise Refused(f"a Kafka of {_nodes(running)} runs already: end it first (scripts/kafka stop)")
    cluster = running or _stored_cluster(data, brokers)
    cluster.start()
    try:
        cluster.wait()
    except NodeFailed:
        cluster.end(signal.SIGKILL)
        raise
    print(f"Kafka {kafka_version()} of {_nodes(cluster)} runs; its data and logs are in {cluster.home}")
    print(f"use it:  ticker-server serve --kafka {cluster.bootstrap_servers} --database-url postgresql://...")
    print("end it:  scripts/kafka stop")
    print(cluster.bootstrap_servers)


def stop(data: Path) -> None:
    """End the cluster."""
    cluster = running_cluster(data)
    if cluster is None:
        print("Kafka does not run")
        return
    cluster.end(signal.SIGTERM)
    print("Kafka has ended")


def status(data: Path) -> None:
    """Say whether the cluster runs, per node."""
    cluster = running_cluster(data)
    if cluster is None:
        print("Kafka does not run")
        return
    for node in cluster.nodes:
        pid = node.pid()
        answers = "does not run" if pid is None else f"pid {pid}, {_answer(node.known_brokers())}"
        print(f"node {node.number}: {answers}")
    print(cluster.bootstrap_servers)


def running_cluster(data: Path) -> Cluster | None:
    """Return the cluster that runs, of whatever size."""
    clusters = (Cluster.load(_home(data, size)) for size in SIZES)
    return next((cluster for cluster in clusters if cluster is not None and cluster.is_running()), None)


def _stored_cluster(data: Path, brokers: int) -> Cluster:
    """Return the cluster of a size as its last stop left it, or a new one."""
    home = _home(data, brokers)
    cluster = Cluster.load(home)
    if cluster is not None:
        cluster.keep_off_taken_ports()
        return cluster
    shutil.rmtree(home, ignore_errors=True)  # half made
    return Cluster.create(home, brokers)


def _home(data: Path, brokers: int) -> Path:
    return data / f"brokers-{brokers}"


def main() -> int:
    """Run a command and return its exit code: 0 done, 1 not possible, 2 bad usage."""
    options = _parser().parse_args()
    data = options.data.resolve()
    try:
        match options.command:
            case "fetch":
                find_java()
                print(fetch_jars())
            case "start":
                start(data, options.brokers)
            case "stop":
                stop(data)
            case _:
                status(data)
    except (NotInstalled, FetchFailed, NodeFailed, Refused) as error:
        print(f"scripts/kafka: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/kafka",
        description="Runs a real Apache Kafka on free ports of this machine.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", type=Path, default=CACHE / "run", help="data folder (default .cache/kafka/run)")
    commands = parser.add_subparsers(dest="command", required=True)
    starting = commands.add_parser("start", help="start it; the last line names the bootstrap servers")
    starting.add_argument("--brokers", type=int, choices=SIZES, default=1, help="number of nodes (default 1)")
    commands.add_parser("stop", help="end what start has started")
    commands.add_parser("status", help="say whether it runs and where")
    commands.add_parser("fetch", help="only bring the jars")
    return parser


def _nodes(cluster: Cluster) -> str:
    return "1 node" if len(cluster.nodes) == 1 else f"{len(cluster.nodes)} nodes"


def _answer(brokers: int) -> str:
    return f"knows {brokers} brokers" if brokers else "does not answer"


if __name__ == "__main__":
    sys.exit(main())
